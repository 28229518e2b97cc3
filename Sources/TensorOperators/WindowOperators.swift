import ModelImage
import OperatorInterface
import TensorKernels

/// Pools over any number of spatial axes, and what turns convolutions into matrix products. Tensors are channels-first.
enum WindowOperators {
    static var all: [PortableOperator] {
        [
            PortableOperator(.poolWindows, pool), PortableOperator(.unfold, unfold),
            PortableOperator(.fold, fold),
        ]
    }

    /// `x[B, C, space…] → y[B, C, windows…], indices (int64)?`; words: 0 for the maximum, 1 for the average of the
    /// elements, 2 for the average with padding; 1 for column-major indices; a ``WindowGeometry``.
    @Sendable static func pool(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 1...1, outputs: 1...2)
        let x = try context.input(0)
        let y = try context.output(0, x.elementType)
        let function = try context.word(0, in: 0...2)
        let isColumnMajor = try context.word(1, in: 0...1) == 1
        let geometry = try WindowGeometry(context, word: 2, space: x.shape, counts: y.shape)
        try context.require(
            x.shape[0] == y.shape[0] && x.shape[1] == y.shape[1], "a pool keeps batch and channels")
        var indices: TensorView?
        if context.outputCount == 2 {
            let places = try context.output(1, .int64)
            try context.require(function == 0 && places.count == y.count, "there is not an index for each maximum")
            indices = places
        }
        return try x.elementType.accept(
            Pool(
                x: x, y: y, indices: indices?.elements(Int64.self), function: function, isColumnMajor: isColumnMajor,
                geometry: geometry))
    }

    private struct Pool: ElementVisitor {
        let x: TensorView
        let y: TensorView
        let indices: UnsafeMutablePointer<Int64>?
        let function: Int
        let isColumnMajor: Bool
        let geometry: WindowGeometry

        func visit<E: Element>(_ type: E.Type) throws(ImageError) -> PreparedOperator {
            function == 0 ? maximum(type) : average(type)
        }

        private func maximum<E: Element>(_ type: E.Type) -> PreparedOperator {
            let (source, target, geometry, indices) = (x.elements(E.self), y.elements(E.self), geometry, indices)
            let (channels, isColumnMajor, lowest) = (
                x.shape[0] * x.shape[1], isColumnMajor, E.lowest
            )
            return {
                for channel in 0..<channels {
                    let plane = source + channel * geometry.elements
                    let row = target + channel * geometry.windows
                    let places = indices.map { $0 + channel * geometry.windows }
                    for window in 0..<geometry.windows {
                        var best = lowest
                        var bestPlace = -1
                        geometry.forEachElement(in: window) { place in
                            let value = plane[place].wide
                            guard bestPlace < 0 || E.Wide.less(best.wide, value) || !E.Wide.equal(value, value) else {
                                return
                            }
                            (best, bestPlace) = (plane[place], place)
                        }
                        row[window] = best
                        places?[window] = Int64(bestPlace)
                    }
                    guard let places else { continue }
                    for window in 0..<geometry.windows {
                        let place = max(0, Int(places[window]))
                        places[window] = Int64(
                            channel * geometry.elements + (isColumnMajor ? geometry.columnMajor(place) : place))
                    }
                }
            }
        }

        private func average<E: Element>(_ type: E.Type) -> PreparedOperator {
            let (source, target, geometry) = (x.elements(E.self), y.elements(E.self), geometry)
            let (channels, countsPadding) = (x.shape[0] * x.shape[1], function == 2)
            return {
                for channel in 0..<channels {
                    let plane = source + channel * geometry.elements
                    let row = target + channel * geometry.windows
                    for window in 0..<geometry.windows {
                        var sum = E(narrowing: .zero)
                        geometry.forEachElement(in: window) { place in
                            sum = E(narrowing: .plus(sum.wide, plane[place].wide))
                        }
                        let count = max(1, geometry.count(of: window, withPadding: countsPadding))
                        row[window] = E(narrowing: .over(sum.wide, E.Wide(integer: Int64(count))))
                    }
                }
            }
        }
    }

    /// `x[B, C, space…] → columns[B, C·taps, windows]` of any type: what each window sees, padding as zeros. A
    /// convolution is the product of its weights `[M, C·taps]` with them. Words: a ``WindowGeometry``, then the number
    /// of windows along each axis.
    @Sendable static func unfold(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 1...1)
        let x = try context.input(0)
        let y = try context.output(0, x.elementType)
        let geometry = try WindowGeometry(
            context, word: 0, space: x.shape, counts: try counts(context, like: x.shape))
        let channels = x.shape[0] * x.shape[1]
        try context.require(
            y.count, isProductOf: [channels, geometry.taps, geometry.windows], "the output does not hold all windows")
        switch x.elementType.size {
        case 1: return unfold(x, y, geometry, channels, UInt8.self)
        case 2: return unfold(x, y, geometry, channels, UInt16.self)
        case 4: return unfold(x, y, geometry, channels, UInt32.self)
        default: return unfold(x, y, geometry, channels, UInt64.self)
        }
    }

    private static func unfold<Unit: FixedWidthInteger & BitwiseCopyable>(
        _ x: TensorView, _ y: TensorView, _ geometry: WindowGeometry, _ channels: Int, _ unit: Unit.Type
    ) -> PreparedOperator {
        let (source, target, count) = (x.elements(unit), y.elements(unit), y.count)
        return {
            for index in 0..<count { target[index] = 0 }
            for channel in 0..<channels {
                let plane = source + channel * geometry.elements
                for tap in 0..<geometry.taps {
                    let row = target + (channel * geometry.taps + tap) * geometry.windows
                    geometry.forEachWindow(under: tap) { window, place in row[window] = plane[place] }
                }
            }
        }
    }

    /// `columns[B, C·taps, windows] (float32) → y[B, C, space…]`: the reverse of `unfold`; elements that several windows
    /// see are summed. Words: a ``WindowGeometry``, then the number of windows along each axis.
    @Sendable static func fold(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 1...1)
        let x = try context.input(0, .float32)
        let y = try context.output(0, .float32)
        try context.require(y.shape.rank >= 3, "the output has no spatial axes")
        let geometry = try WindowGeometry(
            context, word: 0, space: y.shape, counts: try counts(context, like: y.shape))
        let channels = y.shape[0] * y.shape[1]
        try context.require(
            x.count, isProductOf: [channels, geometry.taps, geometry.windows], "the input does not hold all windows")
        let (source, target, count) = (x.elements(Float.self), y.elements(Float.self), y.count)
        return {
            for index in 0..<count { target[index] = 0 }
            for channel in 0..<channels {
                let plane = target + channel * geometry.elements
                for tap in 0..<geometry.taps {
                    let row = source + (channel * geometry.taps + tap) * geometry.windows
                    geometry.forEachWindow(under: tap) { window, place in plane[place] += row[window] }
                }
            }
        }
    }

    /// The number of windows along each axis, from the words behind the geometry, as a shape with two axes in front.
    private static func counts(_ context: OperatorContext, like shape: Shape) throws(ImageError) -> Shape {
        let rank = try context.word(0, in: 1...5)
        var dimensions = [1, 1]
        for axis in 0..<rank {
            dimensions.append(try context.word(1 + 5 * rank + axis, in: 1...ImageLimits.elements))
        }
        guard shape.rank == rank + 2, let counts = Shape(dimensions) else {
            throw ImageError(.badShape, .operation(context.index), "the windows do not fit the tensor")
        }
        return counts
    }
}
