import Foundation

/// How often numbers occurred, in bins of equal width between a minimum and a maximum that are known before.
struct ValueHistogram {
    /// Bins of a histogram.
    static let binCount = 2048

    let low: Float
    let high: Float
    private(set) var bins = [Double](repeating: 0, count: Self.binCount)

    /// An empty histogram of `low...high`.
    init(low: Float, high: Float) {
        self.low = low
        self.high = high
    }

    /// The width of a bin.
    var step: Float { (high - low) / Float(Self.binCount) }

    /// Counts numbers; those outside count in the outermost bins.
    mutating func add(_ values: [Float]) {
        guard step > 0 else { return }
        for value in values where value.isFinite {
            let bin = Int(max(0, min(Float(Self.binCount - 1), (value - low) / step)))
            bins[bin] += 1
        }
    }
}

/// How the range of a quantized value is chosen from what was seen.
public enum CalibrationMethod: Hashable, Sendable {
    /// From the smallest to the largest number.
    case range
    /// Without the outermost numbers: this share of them, in percent (50...100), lies inside.
    case percentile(Double)
    /// The range whose 256 steps lose the least information (Kullback–Leibler divergence; Migacz, "8-bit inference with
    /// TensorRT", 2017).
    case entropy

    /// The range for what a histogram has counted. It contains 0, so that 0 is stored exactly.
    func range(_ histogram: ValueHistogram) -> ClosedRange<Float> {
        let chosen: (low: Float, high: Float)
        switch self {
        case .range: chosen = (histogram.low, histogram.high)
        case .percentile(let share): chosen = Self.inner(histogram, share: share / 100)
        case .entropy: chosen = Self.leastDivergence(histogram)
        }
        return min(0, chosen.low)...max(0, chosen.high)
    }

    /// The bins between which `share` of the numbers lie; the rest is cut off on both sides alike.
    private static func inner(_ histogram: ValueHistogram, share: Double) -> (Float, Float) {
        let cut = histogram.bins.reduce(0, +) * (1 - share) / 2
        var (first, last) = (0, histogram.bins.count - 1)
        var sum = histogram.bins[first]
        while sum <= cut, first < last {
            first += 1
            sum += histogram.bins[first]
        }
        sum = histogram.bins[last]
        while sum <= cut, last > first {
            last -= 1
            sum += histogram.bins[last]
        }
        return (histogram.low + Float(first) * histogram.step, histogram.low + Float(last + 1) * histogram.step)
    }

    /// Tries ranges from 1/16 to the whole, cut off where numbers are: on both sides, or above for what is not negative.
    private static func leastDivergence(_ histogram: ValueHistogram) -> (Float, Float) {
        var best = (histogram.low, histogram.high)
        var least = Double.infinity
        for part in 8...128 {
            let share = Float(part) / 128
            let candidate = (min(0, histogram.low) * share, max(0, histogram.high) * share)
            guard histogram.step > 0, candidate.1 > candidate.0 else { continue }
            let first = max(0, Int((candidate.0 - histogram.low) / histogram.step))
            let last = min(histogram.bins.count, Int((candidate.1 - histogram.low) / histogram.step))
            guard last - first >= 256 else { continue }
            let found = divergence(histogram.bins, first..<last)
            if found < least { (least, best) = (found, candidate) }
        }
        return best
    }

    /// `Σ p·log(p / q)`: p what was seen, with what is cut off in the outermost bins; q the same in 256 steps.
    private static func divergence(_ bins: [Double], _ inside: Range<Int>) -> Double {
        var seen = Array(bins[inside])
        let total = bins.reduce(0, +)
        seen[0] += bins[..<inside.lowerBound].reduce(0, +)
        seen[seen.count - 1] += bins[inside.upperBound...].reduce(0, +)
        var sum = 0.0
        for level in 0..<256 {
            let part = level * seen.count / 256..<(level + 1) * seen.count / 256
            // A step knows only how many numbers it took: they count as spread over its bins that had any inside.
            let inner = part.map { bins[inside.lowerBound + $0] }
            let filled = inner.filter { $0 > 0 }.count
            let mass = inner.reduce(0, +)
            for (offset, bin) in part.enumerated() where seen[bin] > 0 {
                let share = inner[offset] > 0 ? mass / Double(filled) : 0
                sum += seen[bin] / total * log2(seen[bin] / max(share, 1e-3))
            }
        }
        return sum
    }
}
