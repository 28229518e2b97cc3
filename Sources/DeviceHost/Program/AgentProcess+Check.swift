import Glibc

/// A new program, run once before anything depends on it.
extension AgentProcess {
    /// Between two looks at whether it has ended.
    private static let checkPause: Int64 = 20
    /// The longest that it may take.
    private static let checkSeconds = 15

    package func check(
        _ path: String, on loop: any DeviceLoop, completion: @escaping @Sendable (AgentCheck) -> Void
    ) {
        // Everybody may run it, whatever the umask was when it was written.
        guard chmod(path, 0o755) == 0 else {
            return completion(.failed("cannot be made executable: \(String(cString: strerror(errno)))"))
        }
        var child: pid_t = 0
        let failure = Self.spawn(path, &child)
        guard failure == 0 else {
            return completion(.failed("the new agent does not run here: \(String(cString: strerror(failure)))"))
        }
        let began = SystemTime().monotonicMicroseconds
        Self.wait(for: child, since: began, on: loop, completion: completion)
    }

    /// Starts the program's `--check`, with this process's arguments and an empty environment.
    ///
    /// - Returns: an error number; 0: it runs.
    private static func spawn(_ path: String, _ child: inout pid_t) -> Int32 {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let texts = [path] + CommandLine.arguments.dropFirst() + ["--check"]
        var arguments: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        return posix_spawn(&child, path, nil, &attributes, &arguments, &environment)
    }

    private static func wait(
        for child: pid_t, since began: Int, on loop: any DeviceLoop,
        completion: @escaping @Sendable (AgentCheck) -> Void
    ) {
        var status: Int32 = 0
        let ended = waitpid(child, &status, WNOHANG)
        let taken = SystemTime().monotonicMicroseconds - began
        if ended == 0, taken < checkSeconds * 1_000_000 {
            loop.schedule(after: checkPause) { wait(for: child, since: began, on: loop, completion: completion) }
            return
        }
        if ended == 0 {
            kill(child, SIGKILL)
            waitpid(child, &status, 0)
            return completion(.failed("the new agent's check of itself took more than \(checkSeconds) s"))
        }
        completion(judge(status, microseconds: taken))
    }

    private static func judge(_ status: Int32, microseconds: Int) -> AgentCheck {
        let signal = status & 0x7F
        guard signal == 0 else { return .failed("the new agent's check of itself ended by signal \(signal)") }
        let code = status >> 8 & 0xFF
        guard code == 0 else { return .failed("the new agent's check of itself failed with exit status \(code)") }
        return .passed(microseconds: microseconds)
    }
}
