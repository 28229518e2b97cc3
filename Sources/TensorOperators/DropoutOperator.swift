import ModelImage
import OperatorInterface

/// ONNX's Dropout whose mode is known only at run time.
enum DropoutOperator {
    static var all: [PortableOperator] { [PortableOperator(.dropout, dropout)] }

    /// `x, ratio (float64 scalar), training (bool scalar) → y, mask (bool)?`: in training mode that share of the elements
    /// becomes 0, and the others grow to keep the sum. Every run begins with the seed, and so makes the same choice.
    /// Words: the seed. Scratch: ``MersenneTwister/stateBytes``.
    @Sendable static func dropout(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 3...3, outputs: 1...2)
        let x = try context.input(0)
        let (ratio, training) = (try context.input(1, .float64), try context.input(2, .bool))
        let y = try context.output(0, x.elementType)
        try context.require(
            ratio.count == 1 && training.count == 1 && x.count == y.count, "dropout keeps the number of elements")
        var mask: TensorView?
        if context.outputCount == 2 {
            let flags = try context.output(1, .bool)
            try context.require(flags.count == x.count, "there is not a flag for each element")
            mask = flags
        }
        let generator = MersenneTwister(state: try context.scratch(MersenneTwister.stateBytes))
        return try x.elementType.accept(
            Dropout(
                x: x, y: y, ratio: ratio.elements(Double.self), training: training.elements(Flag.self),
                mask: mask?.elements(Flag.self), seed: UInt32(truncatingIfNeeded: try context.word(0)),
                generator: generator))
    }

    private struct Dropout: ElementVisitor {
        let x: TensorView
        let y: TensorView
        let ratio: UnsafeMutablePointer<Double>
        let training: UnsafeMutablePointer<Flag>
        let mask: UnsafeMutablePointer<Flag>?
        let seed: UInt32
        let generator: MersenneTwister

        func visit<E: Element>(_ type: E.Type) throws(ImageError) -> PreparedOperator {
            let (source, target, count) = (x.elements(E.self), y.elements(E.self), x.count)
            let (ratio, training, mask, seed) = (ratio, training, mask, seed)
            var generator = generator
            return {
                let share = training[0].isTrue ? ratio[0] : 0
                if share > 0 { generator.start(seed) }
                for index in 0..<count {
                    let isKept = share <= 0 || generator.uniform() >= share
                    mask?[index] = Flag(isKept)
                    let kept = share <= 0 ? source[index].wide : E.Wide(source[index].wide.real / (1 - share))
                    target[index] = E(narrowing: isKept ? kept : .zero)
                }
            }
        }
    }
}

/// MT19937 (Matsumoto and Nishimura, 1998), seeded and read as NumPy's `random.seed` and `random.uniform` do: the masks of
/// ONNX's reference are those of this generator.
struct MersenneTwister {
    /// Words of the state.
    private static let size = 624
    /// Bytes of the state.
    static let stateBytes = 4 * size

    private let state: UnsafeMutablePointer<UInt32>
    private var next = size

    /// A generator whose state is at an address; ``start(_:)`` must come before the first number.
    init(state: UnsafeMutableRawPointer) {
        self.state = state.assumingMemoryBound(to: UInt32.self)
    }

    /// Begins anew.
    mutating func start(_ seed: UInt32) {
        state[0] = seed
        for index in 1..<Self.size {
            let last = state[index - 1]
            state[index] = 1_812_433_253 &* (last ^ (last >> 30)) &+ UInt32(index)
        }
        next = Self.size
    }

    /// A number in 0..<1 of 53 random bits.
    mutating func uniform() -> Double {
        let high = Double(word() >> 5)
        let low = Double(word() >> 6)
        return (high * 67_108_864 + low) / 9_007_199_254_740_992
    }

    private mutating func word() -> UInt32 {
        if next == Self.size { turn() }
        var bits = state[next]
        next += 1
        bits ^= bits >> 11
        bits ^= (bits << 7) & 0x9D2C_5680
        bits ^= (bits << 15) & 0xEFC6_0000
        return bits ^ (bits >> 18)
    }

    private mutating func turn() {
        for index in 0..<Self.size {
            let bits = (state[index] & 0x8000_0000) | (state[(index + 1) % Self.size] & 0x7FFF_FFFF)
            let twist: UInt32 = bits & 1 == 0 ? 0 : 0x9908_B0DF
            state[index] = state[(index + 397) % Self.size] ^ (bits >> 1) ^ twist
        }
        next = 0
    }
}
