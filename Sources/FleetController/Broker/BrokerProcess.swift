import Foundation
import Glibc

/// One mosquitto process: a child of this controller, or one that a controller before it left behind.
struct BrokerProcess: Sendable, Equatable {
    let pid: pid_t

    /// What must be installed, and how.
    static let installHint = "install it with 'apt-get install mosquitto' as root, or use an external broker"

    /// Finds the broker's program, which Debian puts outside of ordinary users' PATH.
    static func findProgram() throws -> String {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return try findProgram(in: path.split(separator: ":").map(String.init) + ["/usr/sbin", "/usr/local/sbin"])
    }

    static func findProgram(in folders: [String]) throws -> String {
        for folder in folders where access("\(folder)/mosquitto", X_OK) == 0 { return "\(folder)/mosquitto" }
        throw ControllerError(.unavailable, "the embedded broker needs mosquitto, which is not here", hint: installHint)
    }

    /// Starts a process in a session of its own, so that it outlives this one, with nothing inherited but the log.
    ///
    /// - Parameter command: the program's path and its arguments.
    static func launch(_ command: [String], log: String) throws -> BrokerProcess {
        raiseFileLimit()
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        for descriptor in openDescriptors() where descriptor > 2 {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        var all = sigset_t()
        var none = sigset_t()
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | Self.newSession))
        var pid = pid_t()
        let arguments = command.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        let code = posix_spawn(&pid, command[0], &actions, &attributes, arguments, environ)
        guard code == 0 else {
            throw ControllerError(
                .unavailable, "cannot start \(command[0]): \(String(cString: strerror(code)))", hint: installHint)
        }
        return BrokerProcess(pid: pid)
    }

    /// What this process has open: a broker that inherited a socket would keep a dead controller's port busy.
    private static func openDescriptors() -> [Int32] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []).compactMap(Int32.init)
    }

    /// POSIX_SPAWN_SETSID of <spawn.h>, which Glibc's module hides behind _GNU_SOURCE.
    private static let newSession: Int32 = 0x80

    /// A broker needs three descriptors for two devices; the soft limit of 1,024 is for programs that use select().
    private static func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// The running mosquitto that was started with this configuration file, whoever started it.
    ///
    /// The command line names the file, so neither a stale pid file nor a reused pid can lead to a stranger.
    static func find(configurationFile: String) -> BrokerProcess? {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        for pid in entries.compactMap(pid_t.init) {
            let process = BrokerProcess(pid: pid)
            if process.serves(configurationFile), !process.isZombie { return process }
        }
        return nil
    }

    private func serves(_ configurationFile: String) -> Bool {
        guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") else { return false }
        let words = data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        guard words.first?.hasSuffix("mosquitto") == true else { return false }
        return words.suffix(2) == ["-c", configurationFile]
    }

    private var isZombie: Bool {
        guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return true }
        // "pid (name) state …": the name may hold anything, the state follows the last parenthesis.
        let text = String(decoding: data, as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return true }
        return text[end...].dropFirst(2).first == "Z"
    }

    /// Whether it still runs. Buries it if it is a dead child of ours.
    var isAlive: Bool {
        var status: Int32 = 0
        switch waitpid(pid, &status, WNOHANG) {
        case pid: return false
        case 0: return true
        default: return kill(pid, 0) == 0 && !isZombie
        }
    }

    /// Has it read its access rules, certificates and revocation list again.
    func reload() { kill(pid, SIGHUP) }

    /// How long a broker may take to save its messages and end.
    static let stopPatience = Duration.seconds(10)

    /// Ends it: politely, so that it saves its messages, and by force after `stopPatience`.
    func terminate() async {
        guard isAlive else { return }
        kill(pid, SIGTERM)
        let deadline = ContinuousClock.now + Self.stopPatience
        while isAlive, ContinuousClock.now < deadline { await Self.pause(.milliseconds(20)) }
        await destroy()
    }

    /// Ends it at once.
    func destroy() async {
        guard isAlive else { return }
        kill(pid, SIGKILL)
        while isAlive { await Self.pause(.milliseconds(10)) }
    }

    /// A pause that a cancelled task takes too: a process must be waited for even then.
    static func pause(_ duration: Duration) async {
        await withCheckedContinuation { continuation in
            let (seconds, attoseconds) = duration.components
            let nanoseconds = Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
            DispatchQueue.global().asyncAfter(deadline: .now() + .nanoseconds(nanoseconds)) { continuation.resume() }
        }
    }
}
