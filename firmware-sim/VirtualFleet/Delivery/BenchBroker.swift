import FleetWire
package import Foundation
import Glibc
import Synchronization

/// A real mosquitto for one measurement, in a folder of its own, without persistence.
package final class BenchBroker: Sendable {
    /// Where the controller connects, over plain TCP.
    package let port: Int
    /// Where devices connect: the same port, or one of its own with TLS.
    package let devicePort: Int
    /// PEM file of the authority whose certificate the devices' port shows; nil for plain TCP.
    package let authority: String?
    private let process: Mutex<pid_t>
    private let configuration: URL

    /// PEM files for mutual TLS: who has a certificate of the authority may connect.
    package struct MutualTLS: Sendable {
        var authority: String
        var certificate: String
        var key: String
    }

    /// Starts it and waits until it listens.
    ///
    /// - Parameters:
    ///   - isEncrypted: TLS on the devices' port.
    ///   - mutual: TLS on the devices' port for those who have a certificate.
    ///   - centre: Port of the broker that this one is a bridge to; nil for none.
    package init(folder: URL, isEncrypted: Bool = false, mutual: MutualTLS? = nil, centre: Int? = nil) throws {
        let port = Int.random(in: 20_000..<30_000)
        self.port = port
        let tls = isEncrypted ? try BenchTLS(folder: folder) : nil
        authority = tls?.authority ?? mutual?.authority
        devicePort = authority == nil ? port : port + 10_000
        let files =
            tls.map { ($0.authority, $0.certificate, $0.key) }
            ?? mutual.map { ($0.authority, $0.certificate, $0.key) }
        let listener = files.map { authority, certificate, key in
            """
            listener \(port + 10_000) 127.0.0.1
            cafile \(authority)
            certfile \(certificate)
            keyfile \(key)
            require_certificate \(mutual != nil)
            """
        }
        configuration = folder.appending(path: "broker.conf")
        let bridge = centre.map {
            """
            connection centre
            address 127.0.0.1:\($0)
            topic \(Topics.standardPrefix)# both 0
            restart_timeout 1
            """
        }
        try """
        listener \(port) 127.0.0.1
        user \(NSUserName())
        allow_anonymous true
        persistence false
        max_connections -1
        set_tcp_nodelay true
        \(listener ?? "")
        \(bridge ?? "")

        """.write(to: configuration, atomically: true, encoding: .utf8)
        process = Mutex(try Self.start(configuration))
        try wait()
    }

    private static func start(_ configuration: URL) throws -> pid_t {
        try ChildProcess.start(["/usr/sbin/mosquitto", "-c", configuration.path()])
    }

    private func wait() throws {
        for _ in 0..<Self.patience where !isListening { usleep(20_000) }
        guard isListening else { throw SimulationError.noBroker("it does not listen on port \(port)") }
    }

    /// Looks at the broker's start, 20 ms apart.
    private static let patience = 250

    deinit { stop() }

    /// Ends it at once, as kill -9 does; what it retained is gone.
    package func stop() {
        process.withLock { process in
            guard process > 0 else { return }
            kill(process, SIGKILL)
            var status: Int32 = 0
            waitpid(process, &status, 0)
            process = 0
        }
    }

    /// Starts it again on the same port, empty.
    package func restart() throws {
        stop()
        try process.withLock { $0 = try Self.start(configuration) }
        try wait()
    }

    private var processID: pid_t { process.withLock { $0 } }

    /// The resident set, in bytes.
    package var memory: Int { ProcessMemory.bytes("VmRSS:", of: "\(processID)") }

    /// The largest resident set since `forgetPeak`, in bytes.
    package var peakMemory: Int { ProcessMemory.bytes("VmHWM:", of: "\(processID)") }

    /// The peak counts from here.
    package func forgetPeak() {
        try? "5".write(toFile: "/proc/\(processID)/clear_refs", atomically: false, encoding: .utf8)
    }

    private var isListening: Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}

/// A program that is started without a shell.
enum ChildProcess {
    /// Starts a program with its first argument as the path; its output goes nowhere.
    static func start(_ arguments: [String]) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor in [STDOUT_FILENO, STDERR_FILENO] {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
        }
        var process: pid_t = 0
        let vector = arguments.map { strdup($0) } + [nil]
        defer { for argument in vector { free(argument) } }
        let code = posix_spawn(&process, arguments[0], &actions, nil, vector, environ)
        guard code == 0 else { throw SimulationError.noBroker("\(arguments[0]): \(String(cString: strerror(code)))") }
        return process
    }
}
