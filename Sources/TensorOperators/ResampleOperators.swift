import ModelImage
import OperatorInterface

/// Interpolation along an axis: one operator makes the table of places and weights, another applies it. A table whose
/// operands are known is made when the model is compiled.
enum ResampleOperators {
    static var all: [PortableOperator] {
        [PortableOperator(.resampleTable, table), PortableOperator(.resample, resample)]
    }

    /// `scale, roi start?, roi end? (float64 scalars) → places[size, taps] (int32), weights[size, taps] (float64)`;
    /// words: those of ``ResampleRule``. Of places before the axis only −1 is given: the element is the fill value.
    @Sendable static func table(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 1...3, outputs: 2...2)
        let scale = try context.input(0, .float64)
        let start = try context.optionalInput(1).map { _ throws(ImageError) in try context.input(1, .float64) }
        let end = try context.optionalInput(2).map { _ throws(ImageError) in try context.input(2, .float64) }
        let (places, weights) = (try context.output(0, .int32), try context.output(1, .float64))
        let rule = try ResampleRule(context)
        try context.require(
            scale.count == 1 && (start?.count ?? 1) == 1 && (end?.count ?? 1) == 1, "a scale is not one number")
        try context.require(places.count, isProductOf: [rule.size, rule.taps], "the table does not hold the places")
        try context.require(weights.count == places.count, "the tables differ in size")
        let numbers = (scale.elements(Double.self), start?.elements(Double.self), end?.elements(Double.self))
        let (rows, shares) = (places.elements(Int32.self), weights.elements(Double.self))
        return {
            let scale = numbers.0[0]
            let region = (numbers.1?.pointee ?? 0, numbers.2?.pointee ?? 1)
            for position in 0..<rule.size {
                rule.fill(
                    position, scale, region, rows + position * rule.taps, shares + position * rule.taps)
            }
        }
    }

    /// `x[outer…, extent, inner…], places[size, taps] (int32), weights[size, taps] (float64) → y[outer…, size, inner…]`:
    /// each element is the weighted sum of `taps` elements along the axis; integers are cut towards zero and held in
    /// their range. A first place below 0 gives the fill value. Words: the axis, the fill value as a float.
    @Sendable static func resample(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 3...3)
        let x = try context.input(0)
        let (places, weights) = (try context.input(1, .int32), try context.input(2, .float64))
        let y = try context.output(0, x.elementType)
        let axis = try context.axis(0, rank: x.shape.rank)
        try context.require(places.shape.rank == 2 && places.shape == weights.shape, "the tables differ in shape")
        let (size, taps) = (places.shape[0], places.shape[1])
        let (outer, inner) = (x.shape.product(0..<axis), x.shape.stride(axis))
        try context.require(taps >= 1 && x.shape[axis] > 0, "nothing can be interpolated")
        try context.require(
            y.count, isProductOf: [outer, size, inner], "the output does not hold the interpolated elements")
        return try x.elementType.accept(
            Resample(
                x: x, y: y, places: places.elements(Int32.self), weights: weights.elements(Double.self), outer: outer,
                extent: x.shape[axis], size: size, inner: inner, taps: taps, fill: Double(try context.float(1))))
    }

    private struct Resample: ElementVisitor {
        let x: TensorView
        let y: TensorView
        let places: UnsafeMutablePointer<Int32>
        let weights: UnsafeMutablePointer<Double>
        let outer: Int
        let extent: Int
        let size: Int
        let inner: Int
        let taps: Int
        let fill: Double

        func visit<E: Element>(_ type: E.Type) throws(ImageError) -> PreparedOperator {
            let (source, target, filling) = (x.elements(E.self), y.elements(E.self), E(converting: fill))
            let (places, weights, taps) = (places, weights, taps)
            let (outer, extent, size, inner) = (outer, extent, size, inner)
            return {
                for block in 0..<outer {
                    let plane = source + block * extent * inner
                    for position in 0..<size {
                        let line = target + (block * size + position) * inner
                        let (place, weight) = (places + position * taps, weights + position * taps)
                        if place[0] < 0 {
                            for index in 0..<inner { line[index] = filling }
                            continue
                        }
                        for index in 0..<inner {
                            var sum = 0.0
                            for tap in 0..<taps {
                                let from = max(0, min(Int(place[tap]), extent - 1))
                                sum += plane[from * inner + index].wide.real * weight[tap]
                            }
                            line[index] = E(converting: sum)
                        }
                    }
                }
            }
        }
    }
}
