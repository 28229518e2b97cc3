import FleetModel
import FleetWire
import Foundation

/// `martlet-pull-reference`: the yardstick in C, as a process beside this program.
struct ReferencePull {
    private let program: String
    private let port: Int
    /// The authority's PEM file when the port speaks TLS.
    private let tls: [String]

    /// Finds the program beside the one that runs.
    init(port: Int, authority: String?) throws {
        self.port = port
        tls = authority.map { [$0] } ?? []
        let own = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        program = own.deletingLastPathComponent().appending(path: "martlet-pull-reference").path()
        guard FileManager.default.isExecutableFile(atPath: program) else {
            throw SimulationError.noReference(program)
        }
    }

    /// Lets the given number of clients pull a blob; gives the seconds until the last was through.
    func pull(_ map: BlobMap, blob: Digest, devices: Int, folder: URL) async throws -> Double {
        let file = folder.appending(path: "reference.map")
        let header = "\(blob.hex) \(map.bytes) \(map.chunkBytes) \(map.pageChunks) \(map.chunks.count)\n"
        try Data(Array(header.utf8) + map.chunks.bytes).write(to: file)
        return try await run(["pull", "\(port)", "\(devices)", file.path(), folder.path()] + tls)
    }

    /// Lets the given number of clients take live messages, unchecked and unwritten.
    func fanOut(chunks: Int, bytes: Int, devices: Int) async throws -> Double {
        try await run(["fanout", "\(port)", "\(devices)", "\(chunks)", "\(bytes)"] + tls)
    }

    private func run(_ arguments: [String]) async throws -> Double {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data("go\n".utf8))
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        let words = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard process.terminationStatus == 0, let seconds = words.last.flatMap({ Double($0) }) else {
            throw SimulationError.referenceFailed(arguments.joined(separator: " "))
        }
        return seconds
    }
}
