import ModelImage
import ONNXFormat

/// Operators that take parts of a tensor.
enum SliceOperators {
    static let rules: [String: OperatorRule] = [
        "Slice": OperatorRule(slice), "Split": OperatorRule(split),
    ]

    /// The integers of a constant operand, or `nil` when it is absent.
    static func integers(
        _ builder: GraphBuilder, _ node: ImportedNode, _ index: Int, _ what: String
    ) throws(Refusal) -> [Int]? {
        guard let input = node.optional(index) else { return nil }
        guard let known = builder.constant(input)?.integers else { throw .mustBeConstant(what) }
        return known.map { Int($0) }
    }

    // MARK: - Slice

    /// Attributes before version 10, inputs (and steps) since.
    private static func slice(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let shape = builder.shape(x)
        let usesInputs = node.version >= 10
        let starts = usesInputs ? try integers(builder, node, 1, "starts") : try node.ints("starts")
        let ends = usesInputs ? try integers(builder, node, 2, "ends") : try node.ints("ends")
        let axes = usesInputs ? try integers(builder, node, 3, "axes") : try node.ints("axes")
        let steps = usesInputs ? try integers(builder, node, 4, "steps") : nil
        guard let starts, let ends, starts.count == ends.count, starts.count <= shape.count,
            (axes ?? starts).count == starts.count, (steps ?? starts).count == starts.count
        else { throw .invalid("starts, ends, axes and steps differ in length") }
        var cut = (starts: shape.map { _ in 0 }, steps: shape.map { _ in 1 }, counts: shape)
        for index in starts.indices {
            let number = axes?[index] ?? index
            guard let axis = Extents.axis(number, rank: shape.count) else { throw .invalid("axis \(number)") }
            let step = steps?[index] ?? 1
            guard step != 0, step != .min else { throw .invalid("step \(step)") }
            let range = clamped(starts[index], ends[index], step: step, extent: shape[axis])
            (cut.starts[axis], cut.steps[axis], cut.counts[axis]) = (range.start, step, range.count)
        }
        return [try cutOut(x, cut, &builder)]
    }

    /// The first index and the number of indices of `start..<end` by `step`, with ONNX's clamping.
    private static func clamped(_ start: Int, _ end: Int, step: Int, extent: Int) -> (start: Int, count: Int) {
        func inside(_ position: Int, _ range: ClosedRange<Int>) -> Int {
            let positive = position < 0 ? position.addingReportingOverflow(extent).partialValue : position
            return min(max(positive, range.lowerBound), range.upperBound)
        }
        guard extent > 0 else { return (0, 0) }
        if step > 0 {
            let first = inside(start, 0...extent)
            let distance = inside(end, 0...extent) - first
            return (first, distance > 0 ? (distance - 1) / step + 1 : 0)
        }
        let first = inside(start, 0...extent - 1)
        // An end before −extent means "down to and with index 0".
        let last = end < -extent ? -1 : inside(end, -1...extent - 1)
        return (first, first > last ? (first - last - 1) / -step + 1 : 0)
    }

    /// The elements at `starts`, `steps` apart, `counts` of them along each axis.
    static func cutOut(
        _ x: ValueID, _ cut: (starts: [Int], steps: [Int], counts: [Int]), _ builder: inout GraphBuilder
    ) throws(Refusal) -> ValueID {
        if cut.counts == builder.shape(x), cut.steps.allSatisfy({ $0 == 1 }) { return x }
        // A step matters only between elements; a large one would not fit the image's words.
        let steps = zip(cut.steps, cut.counts).map { $1 > 1 ? $0 : 1 }
        let starts = zip(cut.starts, cut.counts).map { $1 > 0 ? $0 : 0 }
        return try builder.emit(.slice(starts: starts, steps: steps, counts: cut.counts), .none, [x])
    }

    // MARK: - Split

    private static func split(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let shape = builder.shape(x)
        let number = try node.int("axis", default: 0)
        guard let axis = Extents.axis(number, rank: shape.count) else { throw .invalid("axis \(number)") }
        let parts = node.node.outputs.count
        var sizes = node.version >= 13 ? try integers(builder, node, 1, "split") : try node.ints("split")
        if sizes == nil {
            guard parts > 0, try node.int("num_outputs", default: parts) == parts else {
                throw .invalid("num_outputs is not the number of outputs")
            }
            let size = (shape[axis] + parts - 1) / parts
            sizes = (0..<parts).map { max(0, min(size, shape[axis] - $0 * size)) }
        }
        guard let sizes, sizes.count == parts, sizes.allSatisfy({ (0...shape[axis]).contains($0) }),
            sizes.reduce(0, +) == shape[axis]
        else { throw .invalid("the parts do not fill axis \(axis) of \(shape)") }
        var outputs: [ValueID] = []
        var start = 0
        for size in sizes {
            var cut = (starts: shape.map { _ in 0 }, steps: shape.map { _ in 1 }, counts: shape)
            (cut.starts[axis], cut.counts[axis]) = (start, size)
            outputs.append(try cutOut(x, cut, &builder))
            start += size
        }
        return outputs
    }
}
