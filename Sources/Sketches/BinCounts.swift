/// Counts of values over the bins of a release's baseline.
///
/// Bins are fixed by the release, so counts of any two devices or intervals merge by addition.
public struct BinCounts: Hashable, Sendable {
    /// One count per bin.
    public var bins: [UInt64]
    /// Values below the first edge.
    public var under: UInt64
    /// Values above the last edge.
    public var over: UInt64
    /// Values that were not a number.
    public var missing: UInt64

    public init(bins: [UInt64], under: UInt64 = 0, over: UInt64 = 0, missing: UInt64 = 0) {
        self.bins = bins
        self.under = under
        self.over = over
        self.missing = missing
    }

    /// No values yet, over the bins that `edges` bound (one fewer than the edges).
    public init(edges: [Float]) {
        self.init(bins: [UInt64](repeating: 0, count: Swift.max(edges.count - 1, 0)))
    }

    /// Everything counted, `missing` included.
    public var total: UInt64 {
        bins.reduce(saturatingSum(saturatingSum(under, over), missing), saturatingSum)
    }

    /// Counts one value, in the unit of the edges.
    ///
    /// - Parameter edges: Edges that do not fall, `bins.count + 1` of them; bin i is `edges[i] <= x < edges[i + 1]`,
    ///   and the last bin also holds its upper edge. With any other number of edges nothing is counted.
    public mutating func add(_ x: Float, edges: [Float]) {
        guard edges.count == bins.count + 1, !bins.isEmpty else { return }
        if x.isNaN {
            missing = saturatingSum(missing, 1)
        } else if x < edges[0] {
            under = saturatingSum(under, 1)
        } else if x > edges[bins.count] {
            over = saturatingSum(over, 1)
        } else {
            let bin = Self.innerEdges(notAbove: x, in: edges)
            bins[bin] = saturatingSum(bins[bin], 1)
        }
    }

    /// Adds the counts of `other`.
    ///
    /// - Throws: `SketchError.binsDiffer`, and leaves the counts as they were.
    public mutating func merge(_ other: BinCounts) throws(SketchError) {
        guard other.bins.count == bins.count else {
            throw .binsDiffer(expected: bins.count, found: other.bins.count)
        }
        for index in bins.indices { bins[index] = saturatingSum(bins[index], other.bins[index]) }
        under = saturatingSum(under, other.under)
        over = saturatingSum(over, other.over)
        missing = saturatingSum(missing, other.missing)
    }

    /// How many of the edges between the outer two are at or below x: the bin's index, by bisection.
    private static func innerEdges(notAbove x: Float, in edges: [Float]) -> Int {
        var low = 1
        var high = edges.count - 1
        while low < high {
            let middle = (low + high) / 2
            if edges[middle] <= x { low = middle + 1 } else { high = middle }
        }
        return low - 1
    }
}
