import FleetModel
import Foundation
import Synchronization

/// Runs a trainer's command and hands out its lines.
struct TrainerProcess {
    /// Longest line that is read, in bytes; the rest of a longer one is lost.
    static let lineBytes = 64 << 10
    /// What a trainer gets of the controller's environment: a token or a password there is none of its business.
    static let passedOn = ["PATH", "HOME", "TMPDIR", "LANG"]
    /// Where programs are looked for when the controller itself has no `PATH`.
    private static let usualPath = "/usr/local/bin:/usr/bin:/bin"

    /// The command; the job folder becomes its last argument.
    let command: [String]
    /// The trainer's whole environment.
    let environment: [String: String]
    /// How long it may take to stop when it is told to, in seconds.
    let grace: Double

    /// - Parameter names: variables that it gets beside `passedOn`, if they are set.
    init(command: [String], passing names: [String], grace: Interval) {
        self.command = command
        self.grace = Double(grace.milliseconds) / 1000
        let own = ProcessInfo.processInfo.environment
        environment = own.filter { Self.passedOn.contains($0.key) || names.contains($0.key) }
            .merging(["PATH": own["PATH"] ?? Self.usualPath]) { $1 }
    }

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
        process.executableURL = try locate(program)
        process.arguments = Array(command.dropFirst()) + [folder.path]
        process.environment = environment
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        let ended = Promise<Int32>()
        process.terminationHandler = { ended.fulfil($0.terminationStatus) }
        do { try process.run() } catch {
            throw ControllerError(.unavailable, "'\(program)' cannot be started: \(error)")
        }
        let reading = Promise<Void>()
        let handle = pipe.fileHandleForReading
        Thread.detachNewThread {
            Self.read(handle, line: line)
            reading.fulfil(())
        }
        let number = process.processIdentifier
        let status = await withTaskCancellationHandler {
            await ended.value
        } onCancel: { [grace] in
            Self.stop(number, grace: grace, ended)
        }
        // A process that the trainer left behind may hold the pipe open for ever.
        Thread.detachNewThread { [grace] in
            Thread.sleep(forTimeInterval: grace)
            reading.fulfil(())
        }
        await reading.value
        try Task.checkCancellation()
        return status
    }

    /// Asks the trainer to stop, and makes it stop after the grace; its own children too.
    private static func stop(_ number: pid_t, grace: Double, _ ended: Promise<Int32>) {
        // Foundation gives a child a process group of its own; where it does not, the child alone is meant.
        let target = getpgid(number) == number ? -number : number
        kill(target, SIGTERM)
        Thread.detachNewThread {
            let deadline = Date().addingTimeInterval(grace)
            while !ended.isFulfilled, Date() < deadline { Thread.sleep(forTimeInterval: 0.05) }
            if !ended.isFulfilled { kill(target, SIGKILL) }
        }
    }

    /// The program's file: a path, or a name that is looked up in `PATH`.
    private func locate(_ program: String) throws(ControllerError) -> URL {
        if program.contains("/") { return URL(filePath: program) }
        for folder in (environment["PATH"] ?? Self.usualPath).split(separator: ":") {
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

/// A value that comes once, from any thread, and is waited for by one task, cancelled or not.
private final class Promise<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var waiter: CheckedContinuation<Value, Never>?
    }

    private let state = Mutex(State())

    var isFulfilled: Bool { state.withLock { $0.value != nil } }

    /// The first value counts.
    func fulfil(_ value: Value) {
        let waiter = state.withLock { state -> CheckedContinuation<Value, Never>? in
            guard state.value == nil else { return nil }
            state.value = value
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: value)
    }

    var value: Value {
        get async {
            await withCheckedContinuation { continuation in
                let held = state.withLock { state -> Value? in
                    if state.value == nil { state.waiter = continuation }
                    return state.value
                }
                if let held { continuation.resume(returning: held) }
            }
        }
    }
}
