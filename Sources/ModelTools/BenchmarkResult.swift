/// What a benchmark measured. Times are microseconds of wall clock on one thread.
public struct BenchmarkResult: Sendable, Codable, Equatable {
    /// A tenth of the runs took at most this long.
    public let p10: Double
    /// Half of the runs took at most this long.
    public let p50: Double
    /// All but a hundredth of the runs took at most this long.
    public let p99: Double
    /// From opening the image file to the end of the first run; the median of several loads.
    public let load: Double
    /// Bytes of working memory that the model holds.
    public let arenaBytes: Int
    /// Bytes of the compiled image.
    public let imageBytes: Int
    /// Heap allocations per run after the first.
    public let allocationsPerRun: Double
    /// The instruction set whose kernels ran.
    public let instructionSet: String

    enum CodingKeys: String, CodingKey {
        case p10 = "p10_us"
        case p50 = "p50_us"
        case p99 = "p99_us"
        case load = "load_us"
        case arenaBytes = "arena_bytes"
        case imageBytes = "image_bytes"
        case allocationsPerRun = "allocations_per_run"
        case instructionSet = "isa"
    }
}

extension BenchmarkResult: CustomStringConvertible {
    public var description: String {
        func time(_ value: Double) -> String { "\((value * 10).rounded() / 10) µs" }
        return """
            run      p10 \(time(p10)), p50 \(time(p50)), p99 \(time(p99))
            load     \(time(load)) from opening the image to the first result
            arena    \(arenaBytes) bytes
            image    \(imageBytes) bytes
            heap     \(allocationsPerRun) allocations per run
            kernels  \(instructionSet)
            """
    }
}
