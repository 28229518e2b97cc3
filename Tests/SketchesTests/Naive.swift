/// A seeded generator (SplitMix64, Steele et al. 2014), so that a failing case can be repeated.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// |a - b| within `tolerance`, relative to the larger of 1 and |b|.
func isClose(_ a: Double, _ b: Double, within tolerance: Double) -> Bool {
    (a - b).magnitude <= tolerance * Swift.max(1, b.magnitude)
}
