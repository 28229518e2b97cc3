import Foundation
import Testing

/// Public declarations and limits are documented.
@Suite struct DocumentationTests {
    /// Share of public declarations with a comment. It may only rise: set it to what the test prints when it passes by far.
    static let documentedShare = 0.55

    private struct Declaration {
        var path: String
        var line: Int
        var text: String
        var isDocumented: Bool
    }

    /// Lines that declare something, with whether `///` stands above them.
    private func declarations(where isMeant: (String) -> Bool) throws -> [Declaration] {
        try Repository.productSources().flatMap { source in
            source.code.enumerated().compactMap { index, line in
                // Cheap before costly: a regular expression on every line would take a minute.
                guard line.contains("public ") || line.contains("static let ") else { return nil }
                let text = line.trimmingCharacters(in: .whitespaces)
                guard isMeant(text) else { return nil }
                var above = index - 1
                while above >= 0, source.lines[above].trimmingCharacters(in: .whitespaces).hasPrefix("@") { above -= 1 }
                let comment = above >= 0 ? source.lines[above].trimmingCharacters(in: .whitespaces) : ""
                return Declaration(
                    path: source.path, line: index + 1, text: text, isDocumented: comment.hasPrefix("///"))
            }
        }
    }

    @Test("the share of documented public declarations does not fall")
    func ratchet() throws {
        let declarations = try declarations { line in
            line.firstMatch(
                of:
                    /^(?:@\w+(?:\([^)]*\))? )*public (?:\w+ |\w+\(set\) )*?(?:func|var|let|struct|class|enum|protocol|init|subscript|actor)\b/
            ) != nil
        }
        let documented = declarations.filter(\.isDocumented).count
        let share = Double(documented) / Double(max(declarations.count, 1))
        #expect(declarations.count > 1000, "only \(declarations.count) declarations were found: is the reader blind?")
        #expect(share >= Self.documentedShare, "\(documented) of \(declarations.count) are documented")
    }

    @Test("every type is documented, and every limit says what it limits")
    func typesAndLimits() throws {
        let types = try declarations { line in
            line.firstMatch(of: /^(?:@\w+ )*public (?:final |indirect )*(?:struct|class|enum|protocol|actor) \w+/)
                != nil
        }
        let limits = try declarations { line in
            line.firstMatch(
                of: /^(?:public |package |private |fileprivate )?static let \w*(?:[lL]imit|[mM]aximum)\w*\b/)
                != nil
        }
        #expect(types.count > 100 && limits.count > 5)
        // `WireMessage` says what its `byteLimit` is; the witnesses need not repeat it.
        let undocumented = (types + limits).filter { !$0.isDocumented && !$0.text.contains("static let byteLimit =") }
        for declaration in undocumented {
            Issue.record("\(declaration.path):\(declaration.line): \(declaration.text)")
        }
    }

    @Test("every value of a type of limits is documented")
    func limitTypes() throws {
        var seen = 0
        for source in try Repository.productSources() {
            guard
                let start = source.code.firstIndex(where: {
                    $0.contains("Limits") && $0.contains(/(?:enum|struct) \w*Limits\b/)
                })
            else {
                continue
            }
            for index in source.code.indices.dropFirst(start + 1) {
                guard !source.code[index].hasPrefix("}") else { break }
                guard source.code[index].hasPrefix("    "),
                    source.code[index].contains(/\b(?:static let|public var|var) \w+/),
                    source.code[index].prefix(while: { $0 == " " }).count == 4
                else { continue }
                seen += 1
                let comment = source.lines[index - 1].trimmingCharacters(in: .whitespaces)
                #expect(comment.hasPrefix("///"), "\(source.path):\(index + 1)")
            }
        }
        #expect(seen > 30, "only \(seen) limits were found: is the reader blind?")
    }
}
