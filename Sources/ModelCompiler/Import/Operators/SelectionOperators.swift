import ModelImage

/// Operators that pick elements by their size.
enum SelectionOperators {
    static let rules: [String: OperatorRule] = [
        "TopK": OperatorRule(topK), "NonMaxSuppression": OperatorRule(since: 10, nonMaximumSuppression),
    ]

    /// The number of elements is an attribute before version 10.
    private static func topK(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        try builder.requireNumbers(x)
        var shape = builder.shape(x)
        let number = try node.int("axis", default: -1)
        guard let axis = Extents.axis(number, rank: shape.count) else { throw .invalid("axis \(number)") }
        let wanted = node.version < 10 ? try node.int("k") : try SliceOperators.integers(builder, node, 1, "k")?.first
        guard let wanted, (0...shape[axis]).contains(wanted) else {
            throw .invalid("k does not fit axis \(axis) of \(shape)")
        }
        shape[axis] = wanted
        let isSmallest = try node.int("largest", default: 1) == 0
        return try builder.emit(
            PortableNode(
                opcode: .topK, words: [Int32(axis), isSmallest ? 1 : 0],
                results: [.init(shape, builder.elementType(x)), .init(shape, .int64)], scratchBytes: 4 * wanted),
            [x])
    }

    /// As many rows are planned as there can be; how many there are is known after the run.
    private static func nonMaximumSuppression(
        _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> [ValueID] {
        let (boxes, scores) = (try node.input(0), try node.input(1))
        let (shape, other) = (builder.shape(boxes), builder.shape(scores))
        guard builder.elementType(boxes) == .float32, builder.elementType(scores) == .float32 else {
            throw .invalid("boxes or scores are not float32")
        }
        guard shape.count == 3, other.count == 3, shape[2] == 4, shape[0] == other[0], shape[1] == other[2] else {
            throw .invalid("boxes \(shape) do not fit scores \(other)")
        }
        let wanted = try SliceOperators.integers(builder, node, 2, "max_output_boxes_per_class")?.first ?? 0
        let limit = max(0, min(wanted, shape[1]))
        let isCentred = try node.flag("center_point_box")
        let rows = other[0] * other[1] * limit
        guard rows > 0 else { return [try builder.constant(Constant(integers: [], shape: [0, 3]))] }
        let results = try builder.emit(
            PortableNode(
                opcode: .nonMaximumSuppression, words: [isCentred ? 1 : 0, Int32(limit)],
                results: [.init([rows, 3], .int64), .init([], .int64)], scratchBytes: shape[1]),
            [boxes, scores, node.optional(3), node.optional(4)])
        return [try builder.counted(results[0], by: results[1])]
    }
}
