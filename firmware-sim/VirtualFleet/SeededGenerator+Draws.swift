import Sketches

/// The draws that a world makes.
extension SeededGenerator {
    /// Evenly from `0..<bound`; 0 for a bound of 0.
    mutating func below(_ bound: UInt64) -> UInt64 { bound == 0 ? 0 : next() % bound }

    /// Evenly from a range.
    mutating func pick(_ range: ClosedRange<Int64>) -> Int64 {
        range.lowerBound + Int64(below(UInt64(range.upperBound - range.lowerBound + 1)))
    }

    /// True with this probability.
    mutating func happens(_ probability: Double) -> Bool { chance() < probability }
}
