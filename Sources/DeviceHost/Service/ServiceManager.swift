import Glibc

/// The service manager that started this process, if it wants to be told how the process stands: systemd's notification
/// protocol (sd_notify(3)), datagrams of `KEY=value` lines to the socket that `NOTIFY_SOCKET` names.
public struct ServiceManager: Sendable {
    /// A path, or `@` and an abstract name.
    private let socket: String
    /// How often the manager wants to hear from the process, in milliseconds; nil: it does not watch.
    public let watchdogMilliseconds: Int64?

    /// What a process may say about itself.
    public enum State: Hashable, Sendable {
        case ready
        /// The configuration is being read again; `ready` follows.
        case reloading(monotonicMicroseconds: Int)
        case stopping
        case watchdog
        /// One line for people, shown by `systemctl status`.
        case status(String)

        var text: String {
            switch self {
            case .ready: "READY=1"
            case .reloading(let time): "RELOADING=1\nMONOTONIC_USEC=\(time)"
            case .stopping: "STOPPING=1"
            case .watchdog: "WATCHDOG=1"
            case .status(let line): "STATUS=\(line.prefix { $0 != "\n" })"
            }
        }
    }

    /// Reads what a manager left in the environment; nil if there is none.
    ///
    /// - Parameter process: this process's id: a watchdog may be meant for another one.
    init?(environment: (String) -> String?, process: Int32) {
        guard let socket = environment("NOTIFY_SOCKET"), socket.hasPrefix("/") || socket.hasPrefix("@") else {
            return nil
        }
        self.socket = socket
        let isMeant = environment("WATCHDOG_PID").map { $0 == "\(process)" } ?? true
        let microseconds = environment("WATCHDOG_USEC").flatMap(Int64.init) ?? 0
        watchdogMilliseconds = isMeant && microseconds > 0 ? max(1, microseconds / 1000) : nil
    }

    /// The operating system's environment.
    public static var current: ServiceManager? {
        ServiceManager(environment: { name in getenv(name).map { String(cString: $0) } }, process: getpid())
    }

    /// Tells the manager, or does not: a manager that does not listen is no reason to stop working. True if it was sent.
    @discardableResult
    public func tell(_ states: State...) -> Bool {
        let bytes = Array(states.map(\.text).joined(separator: "\n").utf8)
        guard var name = address else { return false }
        let kind = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = Glibc.socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + socket.utf8.count + (socket.hasPrefix("@") ? 0 : 1))
        let sent = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, length)
            }
        }
        return sent == bytes.count
    }

    /// Waits for so many seconds. To the manager the process is ready: it does what it can do without an identity.
    public static func waitForEnrolment(seconds: Int) {
        let manager = current
        manager?.tell(.ready, .status("waiting for enrolment: the log says what for"))
        for _ in 0..<seconds {
            manager?.tell(.watchdog)
            sleep(1)
        }
    }

    /// nil if the name is too long for a socket's.
    private var address: sockaddr_un? {
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(socket.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: name.sun_path) else { return nil }
        if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: bytes) }
        return name
    }
}
