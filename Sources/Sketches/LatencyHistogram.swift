/// Latencies of any number of inferences in at most 896 counters, mergeable, every quantile within 1/64 (1.6 %).
///
/// Logarithmic buckets with linear steps, as in HdrHistogram (hdrhistogram.org): below 64 µs every microsecond has its
/// own bucket; above, each doubling is divided into 32 equal buckets. A bucket is answered by its middle, which is at
/// most half a bucket's width, 1/64 of the value, away from anything in it.
public struct LatencyHistogram: Hashable, Sendable {
    /// The longest latency told apart, in microseconds (71 minutes); longer ones count as this one.
    public static let longest: UInt64 = (1 << 32) - 1
    /// Buckets there can be: indices are below this.
    public static let bucketLimit = 896
    /// Largest relative error of a quantile.
    public static let relativeError = 1.0 / 64

    /// How many latencies fell into one bucket.
    public struct Bucket: Hashable, Sendable {
        /// Position on the logarithmic scale, 0..<896.
        public var index: UInt16
        public var count: UInt64

        public init(index: UInt16, count: UInt64) {
            self.index = index
            self.count = count
        }
    }

    /// The buckets that are not empty, index rising.
    public private(set) var buckets: [Bucket]

    /// Takes buckets in any order, such as from outside: counts of equal indices add up; indices past the limit go to
    /// the last bucket.
    public init(buckets: [Bucket] = []) {
        self.buckets = []
        self.buckets.reserveCapacity(buckets.count)
        for bucket in buckets {
            insert(Swift.min(bucket.index, UInt16(Self.bucketLimit - 1)), count: bucket.count)
        }
    }

    /// Latencies added.
    public var count: UInt64 { buckets.reduce(0) { saturatingSum($0, $1.count) } }

    /// Adds one latency; a negative one (a clock that stepped back) counts as 0.
    public mutating func add(microseconds: Int) {
        let value = Swift.min(UInt64(Swift.max(microseconds, 0)), Self.longest)
        insert(Self.index(of: value), count: 1)
    }

    /// Adds all that `other` has seen.
    public mutating func merge(_ other: LatencyHistogram) {
        for bucket in other.buckets { insert(bucket.index, count: bucket.count) }
    }

    /// The latency in microseconds that a share `q` (0...1) of the inferences did not exceed; nil while empty.
    public func quantile(_ q: Double) -> Double? {
        let total = count
        guard total > 0 else { return nil }
        let rank = Swift.min(Swift.max(q, 0), 1) * Double(total)
        var seen: UInt64 = 0
        for bucket in buckets {
            seen = saturatingSum(seen, bucket.count)
            if Double(seen) >= rank { return Self.middle(of: bucket.index) }
        }
        return buckets.last.map { Self.middle(of: $0.index) }
    }

    /// 0..<64 stand for themselves; above, 32 buckets for each power of two.
    static func index(of value: UInt64) -> UInt16 {
        guard value >= 64 else { return UInt16(value) }
        let shift = 58 - value.leadingZeroBitCount
        return UInt16(shift * 32) + UInt16(truncatingIfNeeded: value >> UInt64(shift))
    }

    /// The middle of a bucket's values.
    static func middle(of index: UInt16) -> Double {
        guard index >= 64 else { return Double(index) }
        let shift = UInt64(index / 32 - 1)
        let first = UInt64(index % 32 + 32) << shift
        return Double(first) + Double((1 << shift) - 1) / 2
    }

    private mutating func insert(_ index: UInt16, count: UInt64) {
        guard count > 0 else { return }
        var low = 0
        var high = buckets.count
        while low < high {
            let middle = (low + high) / 2
            if buckets[middle].index < index { low = middle + 1 } else { high = middle }
        }
        if low < buckets.count, buckets[low].index == index {
            buckets[low].count = saturatingSum(buckets[low].count, count)
        } else {
            buckets.insert(Bucket(index: index, count: count), at: low)
        }
    }
}
