import Glibc

/// How much memory this process may still take.
enum SystemMemory {
    /// The least of what the machine has available and what the control group and the limit on the process's address
    /// space still allow; nil if none is known.
    static func availableBytes() -> Int? { [machine(), controlGroup(), addressSpace()].compactMap { $0 }.min() }

    /// `MemAvailable` of /proc/meminfo.
    private static func machine() -> Int? {
        guard let text = SmallFile.text("/proc/meminfo") else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
            return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 << 10 }
        }
        return nil
    }

    /// `memory.max` less `memory.current` of the control group (version 2) that systemd's `MemoryMax=` sets.
    private static func controlGroup() -> Int? {
        guard
            let line = SmallFile.text("/proc/self/cgroup")?.split(separator: "\n").first(where: { $0.hasPrefix("0::") })
        else { return nil }
        let folder = "/sys/fs/cgroup\(line.dropFirst(3))"
        guard let limit = SmallFile.number("\(folder)/memory.max"),
            let used = SmallFile.number("\(folder)/memory.current")
        else { return nil }
        return max(0, limit - used)
    }

    /// What `ulimit -v` or systemd's `LimitAS=` leave; nil without such a limit.
    private static func addressSpace() -> Int? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, let most = Int(exactly: limit.rlim_cur),
            let pages = SmallFile.text("/proc/self/statm")?.split(separator: " ").first.flatMap({ Int($0) })
        else { return nil }
        return max(0, most - pages * sysconf(Int32(_SC_PAGESIZE)))
    }
}

/// Files of the kernel's: short, and read in one go.
package enum SmallFile {
    private static let bytes = 8192

    package static func text(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: bytes)
        let count = read(descriptor, &buffer, buffer.count)
        return count >= 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }

    static func number(_ path: String) -> Int? {
        text(path).flatMap { Int($0.split(separator: "\n").first ?? "") }
    }
}
