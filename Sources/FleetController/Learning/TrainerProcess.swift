import Foundation
import Synchronization

/// Runs a trainer's command and hands out its lines.
struct TrainerProcess {
    /// Longest line that is read, in bytes; the rest of a longer one is lost.
    static let lineBytes = 64 << 10

    /// The command; the job folder becomes its last argument.
    let command: [String]

    /// Runs until the trainer ends.
    ///
    /// - Parameters:
    ///   - line: called for each line of standard output and standard error, in order, on a thread of its own.
    /// - Returns: The exit status.
    /// - Throws: `unavailable` if it cannot be started; `CancellationError` after it was ended for a cancelled task.
    func run(_ folder: URL, line: @escaping @Sendable (String) -> Void) async throws -> Int32 {
        guard let program = command.first else {
            throw ControllerError(.unavailable, "the trainer has no command", hint: "see docs/trainer.md")
        }
        let process = Process()
        process.executableURL = try Self.locate(program)
        process.arguments = Array(command.dropFirst()) + [folder.path]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        let ended = AsyncStream<Int32>.makeStream()
        process.terminationHandler = { process in
            ended.continuation.yield(process.terminationStatus)
            ended.continuation.finish()
        }
        do { try process.run() } catch {
            throw ControllerError(.unavailable, "'\(program)' cannot be started: \(error)")
        }
        let reading = AsyncStream<Void>.makeStream()
        let handle = pipe.fileHandleForReading
        Thread.detachNewThread {
            Self.read(handle, line: line)
            reading.continuation.finish()
        }
        let number = process.processIdentifier
        let status = await withTaskCancellationHandler {
            await ended.stream.first { _ in true } ?? -1
        } onCancel: {
            kill(number, SIGTERM)
        }
        for await _ in reading.stream {}
        try Task.checkCancellation()
        return status
    }

    /// The program's file: a path, or a name that is looked up in `PATH`.
    private static func locate(_ program: String) throws(ControllerError) -> URL {
        if program.contains("/") { return URL(filePath: program) }
        let folders = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        for folder in folders.split(separator: ":") {
            let file = "\(folder)/\(program)"
            if FileManager.default.isExecutableFile(atPath: file) { return URL(filePath: file) }
        }
        throw ControllerError(.unavailable, "the trainer's program '\(program)' is not in PATH")
    }

    private static func read(_ handle: FileHandle, line: (String) -> Void) {
        var rest: [UInt8] = []
        while true {
            let data = handle.availableData
            if data.isEmpty { break }
            for byte in data {
                if byte == UInt8(ascii: "\n") {
                    line(String(decoding: rest, as: UTF8.self))
                    rest.removeAll(keepingCapacity: true)
                } else if rest.count < lineBytes {
                    rest.append(byte)
                }
            }
        }
        if !rest.isEmpty { line(String(decoding: rest, as: UTF8.self)) }
    }
}
