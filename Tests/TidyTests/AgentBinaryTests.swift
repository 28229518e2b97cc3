import BuiltPrograms
import Foundation
import Testing

/// The agent's binary carries neither Foundation nor NIO, whether linked statically or dynamically: their names would stand in
/// its dynamic section or in its type metadata.
@Suite struct AgentBinaryTests {
    private static let marks = ["libFoundation", "FoundationEssentials", "NIOCore", "NIOPosix", "_FoundationICU"]

    /// The marks that a file contains.
    private static func marks(in file: URL) throws -> [String] {
        let bytes = try Data(contentsOf: file, options: .mappedIfSafe)
        return marks.filter { bytes.range(of: Data($0.utf8)) != nil }
    }

    @Test("the agent that was built with these tests has no Foundation and no NIO")
    func builtBesideTests() throws {
        let agent = try BuiltPrograms.testBundle().deletingLastPathComponent().appendingPathComponent("martlet-agent")
        #expect(try Self.marks(in: agent).isEmpty)
    }

    @Test("so has the agent of `make agent`, which must be there when CI is set")
    func shipped() throws {
        let agent = Repository.root.appendingPathComponent(".build-agent/martlet-agent")
        let isExpected = ProcessInfo.processInfo.environment["CI"] == "true"
        guard isExpected || FileManager.default.fileExists(atPath: agent.path) else { return }
        #expect(try Self.marks(in: agent).isEmpty)
        let bytes = try #require(try agent.resourceValues(forKeys: [.fileSizeKey]).fileSize)
        #expect((100_000...8_000_000).contains(bytes))
    }

    @Test("the check sees Foundation where it is: in the bundle of these tests")
    func control() throws {
        #expect(try Self.marks(in: BuiltPrograms.testBundle()).contains("libFoundation"))
    }
}
