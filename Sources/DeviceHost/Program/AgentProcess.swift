import DeviceCore
package import FleetModel
import Glibc
import Synchronization

/// This process as the device's agent: which program it runs, and how another one takes its place under the same process
/// id, so that a service manager sees one service that never stopped.
public final class AgentProcess: AgentProgram {
    /// The installed program: what every start begins with.
    let launcher: String
    package let running: Digest?
    private let isRestarting = Mutex(false)

    init(launcher: String, running: Digest?) {
        self.launcher = launcher
        self.running = running
    }

    /// What the installed program tells the one that it goes over to.
    enum Variable {
        static let launcher = "MARTLET_AGENT_LAUNCHER"
        static let program = "MARTLET_AGENT_PROGRAM"
    }

    /// A process that the installed program has gone over to; nil in the installed program itself.
    static var launched: AgentProcess? {
        func take(_ name: String) -> String? {
            defer { unsetenv(name) }
            return getenv(name).map { String(cString: $0) }
        }
        guard let launcher = take(Variable.launcher), let program = take(Variable.program).flatMap(Digest.init(hex:))
        else { return nil }
        return AgentProcess(launcher: launcher, running: program)
    }

    /// The file that this process runs.
    static var ownPath: String {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes in
            readlink("/proc/self/exe", bytes.bindMemory(to: CChar.self).baseAddress!, bytes.count)
        }
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : CommandLine.arguments[0]
    }

    // MARK: Another program

    package func restart() {
        isRestarting.withLock { $0 = true }
        // The thread that waits for signals drains the agent, as for any other end.
        kill(getpid(), SIGTERM)
    }

    package func confirm() { alarm(0) }

    /// It is drained so that another program takes its place.
    var isGoingOver: Bool { isRestarting.withLock { $0 } }

    /// Goes over to the installed program, if that is why the agent was drained; else, or if it cannot, returns.
    public func relaunchIfWanted() {
        guard isGoingOver else { return }
        alarm(0)
        Self.replace(by: launcher)
    }

    /// Goes over to another program with the arguments of this one.
    ///
    /// - Returns: why that was impossible.
    @discardableResult
    static func replace(by path: String) -> String {
        // Nothing of this process is to leak into the next one: neither what it had open nor which signals it blocked.
        for descriptor in Int32(3)..<1024 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
        execv(path, CommandLine.unsafeArgv)
        return String(cString: strerror(errno))
    }
}
