import Testing

/// Sizes that keep code readable.
@Suite struct SizeTests {
    /// Lines of a function, with its declaration.
    static let functionLimit = 70
    /// Lines of a product file.
    static let fileLimit = 450
    /// Lines of a test file: tables of cases are long.
    static let testFileLimit = 600

    @Test("no function is longer than 70 lines")
    func functions() throws {
        let sources = try Repository.productSources() + Repository.testSources()
        let functions = sources.flatMap { source in source.functions.map { (source.path, $0) } }
        #expect(functions.count > 1000, "only \(functions.count) functions were found: is the reader blind?")
        for (path, function) in functions where function.length > Self.functionLimit {
            Issue.record("\(path):\(function.line): \(function.name) has \(function.length) lines")
        }
    }

    @Test("no file is longer than its limit")
    func files() throws {
        for source in try Repository.productSources() {
            #expect(source.lines.count <= Self.fileLimit, "\(source.path) has \(source.lines.count) lines")
        }
        for source in try Repository.testSources() {
            #expect(source.lines.count <= Self.testFileLimit, "\(source.path) has \(source.lines.count) lines")
        }
    }
}
