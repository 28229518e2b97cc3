import Foundation

/// A program of Martlet that the demo runs, with its output in a log file.
final class ChildProcess {
    let name: String
    let logFile: String
    private let process = Process()

    /// Seconds that a child has to end after SIGTERM.
    static let patience = 15.0

    init(
        _ name: String, _ executable: String, _ arguments: [String], environment: [String: String] = [:], log: String
    ) throws {
        self.name = name
        logFile = log
        guard FileManager.default.createFile(atPath: log, contents: nil), let handle = FileHandle(forWritingAtPath: log)
        else { throw DemoError.cannot("write \(log)", "check the folder and its free space") }
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = handle
        process.standardError = handle
        try process.run()
        Interruption.shared.add(child: process.processIdentifier)
    }

    var isRunning: Bool { process.isRunning }
    var id: Int32 { process.processIdentifier }

    /// Fails when the child has ended by itself.
    func check() throws {
        guard !process.isRunning else { return }
        throw DemoError.childEnded(name, status: process.terminationStatus, log: logFile)
    }

    /// Waits for the end; throws unless it is 0.
    func finish() async throws {
        while process.isRunning { try await Task.sleep(for: .milliseconds(20)) }
        guard process.terminationStatus == 0 else {
            throw DemoError.childEnded(name, status: process.terminationStatus, log: logFile)
        }
    }

    /// SIGKILL, now.
    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// SIGTERM, then SIGKILL when patience ends.
    func stop() {
        guard process.isRunning else { return }
        process.terminate()
        let end = Date().addingTimeInterval(Self.patience)
        while process.isRunning, Date() < end { usleep(20_000) }
        if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }
}

/// Why the demo stopped.
enum DemoError: Error, CustomStringConvertible {
    case cannot(String, String)
    case childEnded(String, status: Int32, log: String)
    case waitedTooLong(String, seconds: Int)
    case notTrue([String])

    var description: String {
        switch self {
        case .cannot(let what, let hint): "cannot \(what): \(hint)"
        case .childEnded(let name, let status, let log):
            "\(name) ended with status \(status); its last words:\n\(Self.tail(of: log))"
        case .waitedTooLong(let what, let seconds): "waited \(seconds) s for \(what)"
        case .notTrue(let claims):
            "the demo did not show what it claims:\n" + claims.map { "  - \($0)" }.joined(separator: "\n")
        }
    }

    private static func tail(of log: String) -> String {
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(12).map { "    \($0)" }.joined(separator: "\n") + "\n    (\(log))"
    }
}
