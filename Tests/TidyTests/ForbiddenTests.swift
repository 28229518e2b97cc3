import Foundation
import Testing

/// What never stands in the product's code.
@Suite struct ForbiddenTests {
    @Test(
        "no try!, as!, fatalError, preconditionless traps or loose ends",
        arguments: ["try!", "as!", "fatalError(", "unowned(unsafe)"])
    func calls(call: String) throws {
        for source in try Repository.productSources() {
            for (index, line) in source.code.enumerated() where line.contains(call) {
                Issue.record("\(source.path):\(index + 1): \(call)")
            }
        }
    }

    @Test("no loose ends in comments", arguments: ["TODO", "FIXME", "XXX", "HACK"])
    func looseEnds(word: String) throws {
        for source in try Repository.productSources() {
            for (index, line) in source.lines.enumerated()
            where line.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "_" }).contains(Substring(word)) {
                Issue.record("\(source.path):\(index + 1): \(word)")
            }
        }
    }

    @Test("nothing reads the folders around the repository", arguments: ["/work/", "../shared"])
    func outside(path: String) throws {
        for source in try Repository.productSources() + Repository.testSources()
        where !source.path.hasPrefix("Tests/TidyTests") {
            for (index, line) in source.lines.enumerated() where line.contains(path) {
                Issue.record("\(source.path):\(index + 1): \(path)")
            }
        }
    }
}

/// One name for each thing.
@Suite struct WordTests {
    /// Words of others' for what Martlet has a name for: rollout, wave, device, frame.
    private static let foreign = ["deployment", "campaign", "cohort", "edge node", "inference window"]

    @Test("the code and the documents use Martlet's words", arguments: foreign)
    func words(word: String) throws {
        let documents = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/protocol.md", "docs/image-format.md"]
        let texts =
            try Repository.productSources().map { ($0.path, $0.lines) }
            + documents.map { ($0, try Repository.text($0).components(separatedBy: "\n")) }
        for (path, lines) in texts {
            for (index, line) in lines.enumerated() where line.lowercased().contains(word) {
                Issue.record("\(path):\(index + 1): '\(word)'; see the words in ARCHITECTURE.md")
            }
        }
    }

    @Test("ARCHITECTURE.md is one page that names the words")
    func page() throws {
        let text = try Repository.text("ARCHITECTURE.md")
        for word in ["rollout", "wave", "gate", "slot", "champion", "receipt", "frame", "report", "annotation", "page"]
        {
            #expect(text.contains(word))
        }
        #expect(text.split(separator: "\n").count < 130)
    }
}
