import Foundation
import Glibc

/// A real mosquitto of one test, in a folder of its own. It can be killed and started again on the same port.
final class TestBroker: @unchecked Sendable {
    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    let folder: URL
    let port: Int
    private var process: Process?
    private let binary: String

    /// - Parameter configuration: more lines of mosquitto.conf; `FOLDER` in them becomes the broker's folder.
    init(configuration: String = "allow_anonymous true", files: [String: String] = [:], start: Bool = true) throws {
        binary = try Self.findBinary()
        folder = FileManager.default.temporaryDirectory.appending(path: "mqtt-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        port = try Self.freePort()
        for (name, text) in files {
            try text.write(to: folder.appending(path: name), atomically: true, encoding: .utf8)
        }
        let lines = """
            listener \(port) 127.0.0.1
            user \(NSUserName())
            persistence false
            max_connections -1
            \(configuration.replacing("FOLDER", with: folder.path()))

            """
        try lines.write(to: folder.appending(path: "broker.conf"), atomically: true, encoding: .utf8)
        if start { try self.start() }
    }

    /// A broker of mutual TLS: a client is who its certificate says.
    convenience init(
        requiring certificates: TestCertificates, configuration: String = "", files: [String: String] = [:]
    ) throws {
        try self.init(
            configuration: """
                cafile \(certificates.path("ca.pem"))
                certfile \(certificates.path("broker.pem"))
                keyfile \(certificates.path("broker.key"))
                require_certificate true
                use_identity_as_username true
                \(configuration)
                """, files: files)
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(at: folder)
    }

    func start() throws {
        let process = Process()
        process.executableURL = URL(filePath: binary)
        process.arguments = ["-c", folder.appending(path: "broker.conf").path()]
        let log = folder.appending(path: "broker.log")
        _ = FileManager.default.createFile(atPath: log.path(), contents: nil)
        process.standardError = try FileHandle(forWritingTo: log)
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        self.process = process
        let deadline = Date().addingTimeInterval(10)
        while !Self.answers(port: port) {
            guard process.isRunning, Date() < deadline else {
                throw Missing(
                    description: "mosquitto did not start: " + ((try? String(contentsOf: log, encoding: .utf8)) ?? ""))
            }
            usleep(20_000)
        }
    }

    /// kill -9, as a crash does it.
    func kill() {
        guard let process else { return }
        if process.isRunning {
            Glibc.kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        self.process = nil
    }

    /// Stops the broker's process without closing its sockets, as a hung machine does it.
    func freeze() {
        if let process { Glibc.kill(process.processIdentifier, SIGSTOP) }
    }

    private static func findBinary() throws -> String {
        for path in ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"] {
            if access(path, X_OK) == 0 { return path }
        }
        throw Missing(description: "these tests need the broker: apt-get install mosquitto")
    }

    static func freePort() throws -> Int {
        let socket = TCP.listen(port: 0)
        defer { close(socket) }
        return TCP.port(of: socket)
    }

    private static func answers(port: Int) -> Bool {
        let socket = TCP.dial(port: port)
        if socket >= 0 { close(socket) }
        return socket >= 0
    }
}

/// Sockets on 127.0.0.1 for brokers that misbehave.
enum TCP {
    static func listen(port: Int) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        _ = withAddress(port) { bind(descriptor, $0, $1) }
        _ = Glibc.listen(descriptor, 128)
        return descriptor
    }

    static func dial(port: Int) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if withAddress(port, { connect(descriptor, $0, $1) }) == 0 { return descriptor }
        close(descriptor)
        return -1
    }

    static func port(of descriptor: Int32) -> Int {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    private static func withAddress(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
