import ModelImage

/// Shapes that do not fit an operation.
struct ShapeError: Error, Equatable {
    let reason: String

    init(_ reason: String) {
        self.reason = reason
    }
}

/// The shape and element type of an operation's result.
///
/// The rules are those of the ONNX operator specifications; the compiler knows every extent, so there is nothing
/// symbolic here.
enum ShapeInference {
    struct Result: Equatable, Sendable {
        var shape: [Int]
        var elementType: ElementType

        init(shape: [Int], elementType: ElementType) {
            self.shape = shape
            self.elementType = elementType
        }

        init(_ shape: [Int], _ elementType: ElementType) {
            self.init(shape: shape, elementType: elementType)
        }
    }

    static func result(
        of operation: GraphOperation, inputs: [ValueID?], in graph: Graph
    ) throws(ShapeError) -> Result {
        if case .portable(let node) = operation {
            guard let first = node.results.first else { throw ShapeError("an operator without results") }
            return first
        }
        var operands: [GraphValue] = []
        for case let input? in inputs { operands.append(graph[input]) }
        guard let first = operands.first else { throw ShapeError("an operation without inputs") }
        if case .quantized(let quantized) = operation {
            guard let form = quantized.floatForm else {
                return Result(shape: first.shape, elementType: quantized.elementType)
            }
            return Result(shape: try shape(form, operands.map(\.shape)), elementType: quantized.elementType)
        }
        if case .argMax = operation {
            return Result(shape: try shape(operation, operands.map(\.shape)), elementType: .int64)
        }
        let shape = try shape(operation, operands.map(\.shape))
        if operation.isLayer, inputs.count > 3, let addend = inputs[3], graph.shape(addend) != shape {
            throw ShapeError("\(graph.shape(addend)) cannot be added to a result of \(shape)")
        }
        return Result(shape: shape, elementType: first.elementType)
    }

    private static func shape(_ operation: GraphOperation, _ shapes: [[Int]]) throws(ShapeError) -> [Int] {
        let x = shapes[0]
        switch operation {
        case .dense, .matMul: return try product(operation, shapes)
        case .convolution(let window, let groups, let order):
            guard shapes.count >= 2, x.count == window.kernel.count + 2, shapes[1].count == x.count else {
                throw ShapeError("a convolution of \(x) with \(shapes.dropFirst().map(\.description))")
            }
            let channels = x[order == .first ? 1 : x.count - 1]
            guard groups > 0, channels % groups == 0, channels / groups == shapes[1][1], shapes[1][0] % groups == 0
            else {
                throw ShapeError("weights \(shapes[1]) in \(groups) groups do not fit \(channels) channels")
            }
            return windowed(x, channels: shapes[1][0], window, order)
        case .pool(_, let window, let order):
            guard x.count == window.kernel.count + 2 else { throw ShapeError("a pool over \(x)") }
            return windowed(x, channels: x[order == .first ? 1 : x.count - 1], window, order)
        case .unary, .softmax, .quantized: return x
        case .binary:
            guard shapes.count == 2, let shape = Extents.broadcast(x, shapes[1]) else {
                throw ShapeError("\(shapes) do not broadcast")
            }
            return shape
        case .affine(let axis):
            guard shapes.count == 3, x.indices.contains(axis), shapes[1] == [x[axis]], shapes[2] == [x[axis]] else {
                throw ShapeError("scale and shift \(shapes.dropFirst()) do not fit axis \(axis) of \(x)")
            }
            return x
        case .reshape, .transpose, .concat, .slice, .pad: return try moved(operation, shapes)
        case .reduce(_, let axes, let keepsAxes): return try reduced(x, axes, keepsAxes)
        case .argMax(let axis, _, _, let keepsAxis): return try reduced(x, [axis], keepsAxis)
        case .portable: return x
        }
    }

    private static func product(_ operation: GraphOperation, _ shapes: [[Int]]) throws(ShapeError) -> [Int] {
        guard shapes.count >= 2, let inner = shapes[0].last, shapes[1].count >= 2 else {
            throw ShapeError("a matrix product of \(shapes)")
        }
        var right = shapes[1]
        if case .matMul(transposedRight: true) = operation { right.swapAt(right.count - 1, right.count - 2) }
        guard right[right.count - 2] == inner else {
            throw ShapeError("a matrix product of \(shapes[0]) with \(right)")
        }
        if case .dense = operation { return shapes[0].dropLast() + [right[right.count - 1]] }
        guard shapes[0].count >= 2, let batch = Extents.broadcast(shapes[0].dropLast(2), right.dropLast(2)) else {
            throw ShapeError("the batch axes of \(shapes[0]) and \(right) do not broadcast")
        }
        return batch + [shapes[0][shapes[0].count - 2], right[right.count - 1]]
    }

    private static func windowed(
        _ x: [Int], channels: Int, _ window: SpatialWindow, _ order: ChannelOrder
    ) -> [Int] {
        order == .first ? [x[0], channels] + window.output : [x[0]] + window.output + [channels]
    }

    private static func moved(_ operation: GraphOperation, _ shapes: [[Int]]) throws(ShapeError) -> [Int] {
        let x = shapes[0]
        switch operation {
        case .reshape(let shape):
            guard let count = Extents.count(shape), count == Extents.count(x) else {
                throw ShapeError("\(x) cannot be reshaped to \(shape)")
            }
            return shape
        case .transpose(let permutation):
            guard permutation.sorted() == Array(x.indices) else {
                throw ShapeError("\(permutation) is no permutation of the axes of \(x)")
            }
            return permutation.map { x[$0] }
        case .concat(let axis):
            var shape = x
            guard x.indices.contains(axis) else { throw ShapeError("axis \(axis) is outside \(x)") }
            for other in shapes.dropFirst() {
                guard other.count == x.count, x.indices.allSatisfy({ $0 == axis || other[$0] == x[$0] }) else {
                    throw ShapeError("\(shapes) cannot be joined along axis \(axis)")
                }
                shape[axis] += other[axis]
            }
            return shape
        case .slice(let starts, let steps, let counts):
            for axis in x.indices where counts[axis] > 0 {
                let last = starts[axis] + (counts[axis] - 1) * steps[axis]
                guard (0..<x[axis]).contains(starts[axis]), (0..<x[axis]).contains(last) else {
                    throw ShapeError("a slice reaches outside axis \(axis) of \(x)")
                }
            }
            return counts
        case .pad(let before, let after, _, _):
            guard before.count == x.count, after.count == x.count else { throw ShapeError("pads do not fit \(x)") }
            return x.indices.map { x[$0] + before[$0] + after[$0] }
        default: return x
        }
    }

    private static func reduced(_ x: [Int], _ axes: [Int], _ keepsAxes: Bool) throws(ShapeError) -> [Int] {
        guard axes.allSatisfy(x.indices.contains) else { throw ShapeError("axes \(axes) are outside \(x)") }
        if keepsAxes { return x.indices.map { axes.contains($0) ? 1 : x[$0] } }
        return x.indices.filter { !axes.contains($0) }.map { x[$0] }
    }
}
