/// A small generator with a seed: every choice that must be repeatable comes from one of these.
///
/// SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014). Never
/// for secrets.
public struct SeededGenerator: RandomNumberGenerator, Hashable, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    /// A generator for one named part of a whole: the same seed and name give the same stream.
    public init(seed: UInt64, name: String) {
        // FNV-1a (Fowler, Noll, Vo), 64 bits: stable across runs, unlike `Hasher`.
        let hash = name.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        self.init(seed: seed ^ hash)
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mix(state)
    }

    /// Evenly from 0..<1, with 24 random bits.
    public mutating func uniform() -> Float { Float(next() >> 40) * 0x1p-24 }

    /// Evenly from 0..<1, with 53 random bits: for comparing with a probability.
    public mutating func chance() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A seed for an independent stream, such as that of fold `index`.
    public static func derive(_ seed: UInt64, _ index: UInt64) -> UInt64 {
        mix(seed ^ mix(index &+ 0x9E37_79B9_7F4A_7C15))
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
