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

    /// `M_TRIM_THRESHOLD` and `M_MMAP_THRESHOLD` of malloc.h.
    private static let trimThreshold: Int32 = -1
    private static let mappingThreshold: Int32 = -3
}
