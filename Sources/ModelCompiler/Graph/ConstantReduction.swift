import Glibc
import ModelImage

/// Reductions of constants.
enum ConstantReduction {
    /// `x` with `axes` reduced; `shape` is that of the result. `nil` for integer reductions that ONNX does not have.
    static func evaluate(_ function: ReduceFunction, _ axes: [Int], _ x: Constant, _ shape: [Int]) -> Constant? {
        let kept = x.shape.indices.filter { !axes.contains($0) }
        let strides = Extents.strides(x.shape)
        let starts = Extents.positions(kept.map { x.shape[$0] }, start: 0, strides: kept.map { strides[$0] })
        let offsets = Extents.positions(axes.map { x.shape[$0] }, start: 0, strides: axes.map { strides[$0] })
        guard !offsets.isEmpty else { return nil }
        switch x.elements {
        case .floats(let values):
            let reduced = starts.map { start in
                Float(reduce(function, offsets.map { Double(values[start + $0]) }))
            }
            return Constant(elementType: x.elementType, shape: shape, elements: .floats(reduced))
        case .integers(let values):
            var reduced: [Int64] = []
            for start in starts {
                guard let value = reduce(function, offsets.map { values[start + $0] }) else { return nil }
                reduced.append(value)
            }
            return Constant(elementType: x.elementType, shape: shape, elements: .integers(reduced))
        }
    }

    private static func reduce(_ function: ReduceFunction, _ values: [Double]) -> Double {
        let sum = values.reduce(0, +)
        switch function {
        case .sum: return sum
        case .mean: return sum / Double(values.count)
        case .maximum: return values.reduce(-.infinity, { $0.isNaN || $1 <= $0 ? $0 : $1 })
        case .minimum: return values.reduce(.infinity, { $0.isNaN || $1 >= $0 ? $0 : $1 })
        case .product: return values.reduce(1, *)
        case .l1: return values.reduce(0) { $0 + Swift.abs($1) }
        case .l2: return values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        case .sumSquare: return values.reduce(0) { $0 + $1 * $1 }
        case .logSum: return log(sum)
        case .logSumExp:
            let largest = values.reduce(-.infinity, Swift.max)
            guard largest.isFinite else { return largest }
            return largest + log(values.reduce(0) { $0 + exp($1 - largest) })
        }
    }

    private static func reduce(_ function: ReduceFunction, _ values: [Int64]) -> Int64? {
        switch function {
        case .sum: values.reduce(0, &+)
        case .mean: values.reduce(0, &+) / Int64(values.count)
        case .maximum: values.max()
        case .minimum: values.min()
        case .product: values.reduce(1, &*)
        case .l1: values.reduce(0) { $0 &+ ($1 < 0 ? 0 &- $1 : $1) }
        case .sumSquare: values.reduce(0) { $0 &+ $1 &* $1 }
        case .l2, .logSum, .logSumExp: nil
        }
    }
}
