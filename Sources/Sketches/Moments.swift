/// Count, mean and spread of a stream of values in 40 bytes, in one pass and mergeable.
///
/// Single values by Welford's update (B. P. Welford, "Note on a method for calculating corrected sums of squares and
/// products", Technometrics 4, 1962); merging by the pairwise formula of Chan, Golub and LeVeque ("Updating formulae
/// and a pairwise algorithm for computing sample variances", 1979). Both are exact in real arithmetic.
public struct Moments: Hashable, Sendable {
    /// Values added.
    public var count: UInt64
    /// Of all values; 0 while there are none.
    public var mean: Double
    /// Sum of squared differences from the mean.
    public var squares: Double
    /// The least value; 0 while there are none.
    public var minimum: Double
    /// The greatest value; 0 while there are none.
    public var maximum: Double

    public init(count: UInt64 = 0, mean: Double = 0, squares: Double = 0, minimum: Double = 0, maximum: Double = 0) {
        self.count = count
        self.mean = mean
        self.squares = squares
        self.minimum = minimum
        self.maximum = maximum
    }

    /// Adds one value. A value that is not finite is not counted: one infinity would spoil every later mean.
    public mutating func add(_ value: Double) {
        guard value.isFinite else { return }
        minimum = count == 0 ? value : Swift.min(minimum, value)
        maximum = count == 0 ? value : Swift.max(maximum, value)
        count = saturatingSum(count, 1)
        let before = value - mean
        mean += before / Double(count)
        squares += before * (value - mean)
    }

    /// Adds all that `other` has seen.
    public mutating func merge(_ other: Moments) {
        guard other.count > 0 else { return }
        guard count > 0 else {
            self = other
            return
        }
        let own = Double(count)
        let its = Double(other.count)
        let difference = other.mean - mean
        mean += difference * its / (own + its)
        squares += other.squares + difference * difference * own * its / (own + its)
        count = saturatingSum(count, other.count)
        minimum = Swift.min(minimum, other.minimum)
        maximum = Swift.max(maximum, other.maximum)
    }

    /// Population variance (divided by n); 0 while there are no values.
    public var variance: Double { count == 0 ? 0 : squares / Double(count) }
    /// Unbiased sample variance (divided by n - 1); 0 for fewer than two values.
    public var sampleVariance: Double { count < 2 ? 0 : squares / Double(count - 1) }
    /// Population standard deviation, in the values' unit.
    public var deviation: Double { variance.squareRoot() }
}
