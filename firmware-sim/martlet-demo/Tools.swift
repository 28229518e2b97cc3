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

/// A TCP port that nobody listens on now.
enum FreePort {
    static func find() throws -> Int {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(socket, address, length) == 0 && getsockname(socket, address, &length) == 0
            }
        }
        guard isBound else { throw DemoError.cannot("find a free port", "is the loopback interface up?") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
