public import Foundation

/// Programs that were built beside the tests that run.
public enum BuiltPrograms {
    /// The agent to test: `MARTLET_AGENT_BINARY`, or the one of this build.
    public static func agent() throws -> URL {
        if let path = ProcessInfo.processInfo.environment["MARTLET_AGENT_BINARY"] { return URL(filePath: path) }
        return try folder().appending(path: "martlet-agent")
    }

    /// Where the programs of this build are.
    private static func folder() throws -> URL { try testBundle().deletingLastPathComponent() }

    /// The bundle of the tests that run, as the process has mapped it.
    public static func testBundle() throws -> URL {
        let maps = try String(contentsOfFile: "/proc/self/maps", encoding: .utf8)
        let bundle = maps.split(separator: "\n").compactMap { $0.split(separator: " ", maxSplits: 5).last }
            .map { $0.trimmingCharacters(in: .whitespaces) }.first { $0.hasSuffix(".xctest") }
        guard let bundle else { throw NotBuilt(description: "no bundle of tests is loaded: run them with swift test") }
        return URL(filePath: bundle)
    }
}

/// Something that tests need was not built.
public struct NotBuilt: Error, CustomStringConvertible {
    /// What, and what to run.
    public let description: String
}
