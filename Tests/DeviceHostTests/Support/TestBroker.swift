import Foundation
import Glibc

/// A real mosquitto of one test, in a folder of its own.
final class TestBroker: @unchecked Sendable {
    let folder: URL
    let port: Int
    /// A second listener, with mutual TLS.
    let tlsPort: Int?
    private var process: Process?

    /// - Parameter tls: a folder with `ca.pem`, `broker.pem` and `broker.key` for a second listener.
    init(tls: URL? = nil) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "device-broker-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        port = try Self.freePort()
        tlsPort = try tls.map { _ in try Self.freePort() }
        let secure =
            tls.map { keys in
                """
                listener \(tlsPort ?? 0) 127.0.0.1
                cafile \(keys.path())/ca.pem
                certfile \(keys.path())/broker.pem
                keyfile \(keys.path())/broker.key
                require_certificate true
                use_identity_as_username true

                """
            } ?? ""
        let lines = """
            listener \(port) 127.0.0.1
            user \(NSUserName())
            persistence true
            persistence_location \(folder.path())/
            autosave_interval 1
            autosave_on_changes true
            allow_anonymous true
            max_connections -1

            """
        try (lines + secure).write(to: folder.appending(path: "broker.conf"), atomically: true, encoding: .utf8)
        try start()
    }

    deinit {
        stop()
        try? FileManager.default.removeItem(at: folder)
    }

    func start() throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/sbin/mosquitto")
        process.arguments = ["-c", folder.appending(path: "broker.conf").path()]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.process = process
        for _ in 0..<200 where !isListening { usleep(20_000) }
    }

    /// kill -9: a child of a test's thread inherits its blocked signals, so SIGTERM would never reach it.
    func stop() {
        guard let process else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        self.process = nil
    }

    private var isListening: Bool {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = Self.address(port: port)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    static func address(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return address
    }

    /// A port that nobody listens on now.
    static func freePort() throws -> Int {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = address(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(socket, $0, length)
                _ = getsockname(socket, $0, &length)
            }
            return Int(UInt16(bigEndian: pointer.pointee.sin_port))
        }
    }
}
