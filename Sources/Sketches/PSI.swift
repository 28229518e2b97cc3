/// The population stability index: how far one distribution over fixed bins lies from another, 0 for equal ones.
///
/// PSI = Σ (p_i - q_i) ln(p_i / q_i), the symmetrised Kullback-Leibler divergence (S. Kullback, R. A. Leibler, "On
/// information and sufficiency", 1951; as an index of stability in B. Yurdakul, "Statistical properties of population
/// stability index", 2018). Empty bins are handled by additive smoothing on both sides: p_i = (c_i + ½) / (N + ½ k).
///
/// The textbook limits 0.1 and 0.25 are not used anywhere: what is normal is derived for each release.
public enum PSI {
    /// Counts added to every bin on both sides (Jeffreys' prior for a multinomial).
    public static let smoothing = 0.5

    /// Between two plain histograms over the same bins.
    ///
    /// - Throws: `SketchError.binsDiffer`.
    public static func value(baseline: [UInt64], observed: [UInt64]) throws(SketchError) -> Double {
        guard baseline.count == observed.count else {
            throw .binsDiffer(expected: baseline.count, found: observed.count)
        }
        let p = smoothed(baseline)
        let q = smoothed(observed)
        var sum = 0.0
        for index in p.indices { sum += (p[index] - q[index]) * naturalLogarithm(p[index] / q[index]) }
        return sum
    }

    /// Between a baseline and what a device counted over its edges.
    ///
    /// Values under the first edge join the first bin, those over the last edge the last; missing values form a bin
    /// of their own if either side has any.
    /// - Throws: `SketchError.binsDiffer`.
    public static func value(baseline: BinCounts, observed: BinCounts) throws(SketchError) -> Double {
        let withMissing = baseline.missing > 0 || observed.missing > 0
        return try value(
            baseline: joined(baseline, withMissing: withMissing), observed: joined(observed, withMissing: withMissing))
    }

    /// Between the bins of a baseline, whose training values lie within its edges, and what a device counted.
    ///
    /// - Throws: `SketchError.binsDiffer`.
    public static func value(baseline: [UInt64], observed: BinCounts) throws(SketchError) -> Double {
        try value(baseline: BinCounts(bins: baseline), observed: observed)
    }

    private static func joined(_ counts: BinCounts, withMissing: Bool) -> [UInt64] {
        var bins = counts.bins
        if !bins.isEmpty {
            bins[0] = saturatingSum(bins[0], counts.under)
            bins[bins.count - 1] = saturatingSum(bins[bins.count - 1], counts.over)
        }
        if withMissing { bins.append(counts.missing) }
        return bins
    }

    private static func smoothed(_ counts: [UInt64]) -> [Double] {
        let total = counts.reduce(0.0) { $0 + Double($1) } + smoothing * Double(counts.count)
        return counts.map { (Double($0) + smoothing) / total }
    }
}
