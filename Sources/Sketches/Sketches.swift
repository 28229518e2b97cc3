/// Count, mean and spread by Welford's method; merged by Chan's formula.
public struct Moments: Hashable, Sendable {
    public var count: UInt64
    public var mean: Double
    /// Sum of squared differences from the mean.
    public var squares: Double
    public var minimum: Double
    public var maximum: Double

    public init(count: UInt64 = 0, mean: Double = 0, squares: Double = 0, minimum: Double = 0, maximum: Double = 0) {
        self.count = count
        self.mean = mean
        self.squares = squares
        self.minimum = minimum
        self.maximum = maximum
    }
}

/// Counts over a baseline's bins.
public struct BinCounts: Hashable, Sendable {
    public var bins: [UInt64]
    public var under: UInt64
    public var over: UInt64
    /// Values that were not a number.
    public var missing: UInt64

    public init(bins: [UInt64], under: UInt64 = 0, over: UInt64 = 0, missing: UInt64 = 0) {
        self.bins = bins
        self.under = under
        self.over = over
        self.missing = missing
    }
}

/// Latency with bounded relative error: bucket index → count.
public struct LatencyHistogram: Hashable, Sendable {
    /// (bucket, count), bucket rising.
    public var buckets: [Bucket]

    public struct Bucket: Hashable, Sendable {
        public var index: UInt16
        public var count: UInt64
        public init(index: UInt16, count: UInt64) {
            self.index = index
            self.count = count
        }
    }

    public init(buckets: [Bucket] = []) { self.buckets = buckets }
}
