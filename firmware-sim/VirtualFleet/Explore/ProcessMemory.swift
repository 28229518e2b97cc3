import Foundation
import Glibc

/// How this process keeps its memory.
public enum ProcessMemory {
    /// Keeps what was freed instead of giving it back to the system: a world makes and forgets files of hundreds of
    /// kilobytes, and fetching fresh pages for each costs more than writing them.
    public static func keepFreedPages() {
        // Not in Swift's module of Glibc: mallopt(3).
        guard let symbol = dlsym(nil, "mallopt") else { return }
        let mallopt = unsafeBitCast(symbol, to: (@convention(c) (Int32, Int32) -> Int32).self)
        _ = mallopt(trimThreshold, 512 << 20)
        _ = mallopt(mappingThreshold, 256 << 20)
    }

    /// Memory of this process that is no file's, in bytes.
    package static var anonymous: Int { bytes("RssAnon:", of: "self") }

    /// A line of /proc/PROCESS/status, in bytes; 0 without one.
    static func bytes(_ name: String, of process: String) -> Int {
        let text = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
        return (line?.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0) * 1024
    }

    /// Runs `body`, and tells by how many bytes the process grew meanwhile, looked at every 20 ms.
    package static func growth<Result: Sendable>(
        during body: @Sendable () async throws -> Result
    ) async throws -> (result: Result, bytes: Int) {
        let before = anonymous
        let watcher = Task {
            var most = before
            while !Task.isCancelled {
                most = max(most, anonymous)
                try? await Task.sleep(for: .milliseconds(20))
            }
            return most
        }
        defer { watcher.cancel() }
        let result = try await body()
        watcher.cancel()
        return (result, await watcher.value - before)
    }

    /// `M_TRIM_THRESHOLD` and `M_MMAP_THRESHOLD` of malloc.h.
    private static let trimThreshold: Int32 = -1
    private static let mappingThreshold: Int32 = -3
}
