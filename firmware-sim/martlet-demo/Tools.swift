import FleetClient
import Foundation

/// Runs the `martlet` command as a person would, with that person's token.
struct Tools {
    let binaries: String
    let url: String
    let logs: String

    /// Runs one command and returns what it printed as JSON.
    @discardableResult
    func martlet(_ arguments: [String], token: String) async throws -> JSONValue {
        let log = "\(logs)/martlet-\(arguments.prefix(2).joined(separator: "-")).log"
        let child = try ChildProcess(
            "martlet \(arguments.prefix(2).joined(separator: " "))", "\(binaries)/martlet", arguments + ["--json"],
            environment: ["MARTLET_URL": url, "MARTLET_TOKEN": token], log: log)
        try await child.finish()
        let output = FileManager.default.contents(atPath: log) ?? Data()
        return try JSONValue(parsing: output)
    }
}
