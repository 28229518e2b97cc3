import ModelImage
import OperatorInterface

/// Operators that make tensors from a few numbers.
enum SequenceOperators {
    static var all: [PortableOperator] {
        [PortableOperator(.range, range), PortableOperator(.melWeights, melWeights)]
    }

    /// `start, limit, step (scalars of one type) → y[capacity], count (int64 scalar)`: start, start + step, … before the
    /// limit; what is left of the capacity is 0.
    @Sendable static func range(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 3...3, outputs: 2...2)
        let start = try context.input(0)
        let (limit, step) = (try context.input(1, start.elementType), try context.input(2, start.elementType))
        let (y, found) = (try context.output(0, start.elementType), try context.output(1, .int64))
        try context.require(
            start.count == 1 && limit.count == 1 && step.count == 1 && found.count == 1, "a bound is not one number")
        return try start.elementType.accept(
            Range(start: start, limit: limit, step: step, y: y, found: found.elements(Int64.self)))
    }

    private struct Range: ElementVisitor {
        let start: TensorView
        let limit: TensorView
        let step: TensorView
        let y: TensorView
        let found: UnsafeMutablePointer<Int64>

        func visit<E: Element>(_ type: E.Type) throws(ImageError) -> PreparedOperator {
            let (start, limit, step) = (start.elements(E.self), limit.elements(E.self), step.elements(E.self))
            let (target, capacity, found) = (y.elements(E.self), y.count, found)
            return {
                let (first, width) = (start[0].wide, step[0].wide)
                let steps = ((limit[0].wide.real - first.real) / width.real).rounded(.up)
                let count = Int(Int64(saturating: Swift.max(0, Swift.min(steps, Double(capacity)))))
                for index in 0..<capacity {
                    target[index] =
                        index < count
                        ? E(narrowing: .plus(first, .times(width, E.Wide(integer: Int64(index)))))
                        : E(narrowing: .zero)
                }
                found[0] = Int64(count)
            }
        }
    }

    /// `sample rate, lowest and highest frequency (float64 scalars, Hz) → weights[length / 2 + 1, bands] (float64)`: ONNX's
    /// MelWeightMatrix. Words: the number of bands, the length of the transform.
    @Sendable static func melWeights(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 3...3)
        let (rate, low) = (try context.input(0, .float64), try context.input(1, .float64))
        let (high, y) = (try context.input(2, .float64), try context.output(0, .float64))
        let bands = try context.word(0, in: 1...ImageLimits.elements)
        let length = try context.word(1, in: 1...ImageLimits.elements)
        try context.require(
            rate.count == 1 && low.count == 1 && high.count == 1 && y.shape.rank == 2
                && y.shape[0] == length / 2 + 1 && y.shape[1] == bands, "the output does not hold the weights")
        let numbers = (rate.elements(Double.self), low.elements(Double.self), high.elements(Double.self))
        let weights = y.elements(Double.self)
        return {
            let mels = MelScale(
                rate: numbers.0[0], low: numbers.1[0], high: numbers.2[0], bands: bands, length: length)
            for index in 0..<(length / 2 + 1) * bands { weights[index] = 0 }
            for band in 0..<bands { mels.fill(band, weights) }
        }
    }
}

/// Triangles that are evenly spaced on the mel scale, `2595·log10(1 + f / 700)`.
private struct MelScale {
    let rate: Double
    let low: Double
    let high: Double
    let bands: Int
    let length: Int

    /// The bin of the transform in which edge `index` lies, 0...bands + 1; band `b` reaches from edge b to edge b + 2.
    private func edge(_ index: Int) -> Int {
        let first = mel(low)
        let step = (mel(high) - first) / Double(bands + 2)
        let frequency = 700 * (RealMath.raise(10, (first + Double(index) * step) / 2595) - 1)
        let bin = (Double(length + 1) * frequency / rate).rounded(.down)
        return Int(Int64(saturating: max(0, min(bin, Double(length / 2)))))
    }

    private func mel(_ frequency: Double) -> Double {
        2595 * RealMath.log(1 + frequency / 700) / 2.302_585_092_994_045_7
    }

    /// Writes the column of one band, which is zero before.
    func fill(_ band: Int, _ weights: UnsafeMutablePointer<Double>) {
        let (lower, centre, upper) = (edge(band), edge(band + 1), edge(band + 2))
        if centre <= lower {
            weights[centre * bands + band] = 1
        } else {
            for bin in lower...centre { weights[bin * bands + band] = Double(bin - lower) / Double(centre - lower) }
        }
        if upper > centre {
            for bin in centre..<upper { weights[bin * bands + band] = Double(upper - bin) / Double(upper - centre) }
        }
    }
}
