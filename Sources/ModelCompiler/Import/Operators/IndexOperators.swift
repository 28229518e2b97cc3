import ModelImage

/// Operators that read or write elements at places which an operand names.
enum IndexOperators {
    static let rules: [String: OperatorRule] = [
        "Gather": OperatorRule(gather), "GatherElements": OperatorRule(since: 11, gatherElements),
        "GatherND": OperatorRule(since: 11, gatherBlocks), "ScatterElements": OperatorRule(since: 11, scatterElements),
        "Scatter": OperatorRule(since: 9, scatterElements), "ScatterND": OperatorRule(since: 11, scatterBlocks),
    ]

    // MARK: - Gather

    /// Known indices at equal distances are a slice.
    private static func gather(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let (x, indices) = (try node.input(0), try node.input(1))
        let shape = builder.shape(x)
        let number = try node.int("axis", default: 0)
        guard let axis = Extents.axis(number, rank: shape.count) else { throw .invalid("axis \(number)") }
        let result = Array(shape[..<axis]) + builder.shape(indices) + Array(shape[(axis + 1)...])
        if let places = try places(indices, extent: shape[axis], builder), let first = places.first {
            let step = places.count > 1 ? places[1] - first : 1
            if step != 0, places.indices.allSatisfy({ places[$0] == first + $0 * step }) {
                var cut = (starts: shape.map { _ in 0 }, steps: shape.map { _ in 1 }, counts: shape)
                (cut.starts[axis], cut.steps[axis], cut.counts[axis]) = (first, step, places.count)
                return [try builder.reshape(SliceOperators.cutOut(x, cut, &builder), to: result)]
            }
        }
        return [try builder.gather(x, indices, axis: axis, to: result)]
    }

    /// The places that known indices name; `nil` when they are computed.
    private static func places(
        _ indices: ValueID, extent: Int, _ builder: GraphBuilder
    ) throws(Refusal) -> [Int]? {
        guard let numbers = builder.constant(indices)?.integers else { return nil }
        return try numbers.map { number throws(Refusal) in
            guard let place = Extents.axis(Int(number), rank: extent) else {
                throw .invalid("index \(number) is outside an axis of \(extent)")
            }
            return place
        }
    }

    private static func gatherElements(
        _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> [ValueID] {
        let (x, indices) = (try node.input(0), try node.input(1))
        let axis = try axis(builder, node, indices)
        return [
            try builder.emit(
                .gatherElements, words: [Int32(axis)], [x, indices], to: builder.shape(indices),
                builder.elementType(x))
        ]
    }

    private static func gatherBlocks(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let (x, indices) = (try node.input(0), try node.input(1))
        let (shape, rows) = (builder.shape(x), builder.shape(indices))
        let batchAxes = try node.int("batch_dims", default: 0)
        guard let depth = rows.last, depth >= 1, batchAxes >= 0, batchAxes < rows.count,
            batchAxes + depth <= shape.count, shape[..<batchAxes] == rows[..<batchAxes]
        else { throw .invalid("indices \(rows) do not fit \(shape) with \(batchAxes) batch axes") }
        return [
            try builder.emit(
                .gatherBlocks, words: [Int32(batchAxes)], [x, indices],
                to: rows.dropLast() + shape[(batchAxes + depth)...], builder.elementType(x))
        ]
    }

    // MARK: - Scatter

    private static func scatterElements(
        _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> [ValueID] {
        let (x, indices, updates) = (try node.input(0), try node.input(1), try node.input(2))
        let axis = try axis(builder, node, indices)
        guard builder.shape(indices) == builder.shape(updates) else {
            throw .invalid("updates \(builder.shape(updates)) do not fit indices \(builder.shape(indices))")
        }
        return [
            try scatter(.scatterElements, words: [Int32(axis), try reduction(node)], [x, indices, updates], &builder)
        ]
    }

    private static func scatterBlocks(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID]
    {
        let (x, indices, updates) = (try node.input(0), try node.input(1), try node.input(2))
        let (shape, rows) = (builder.shape(x), builder.shape(indices))
        guard let depth = rows.last, depth >= 1, depth <= shape.count,
            builder.shape(updates) == rows.dropLast() + shape[depth...]
        else { throw .invalid("indices \(rows) and updates \(builder.shape(updates)) do not fit \(shape)") }
        return [try scatter(.scatterBlocks, words: [try reduction(node)], [x, indices, updates], &builder)]
    }

    /// Nothing happens where there is nothing to write.
    private static func scatter(
        _ opcode: Opcode, words: [Int32], _ operands: [ValueID], _ builder: inout GraphBuilder
    ) throws(Refusal) -> ValueID {
        guard builder.elementType(operands[0]) == builder.elementType(operands[2]) else {
            throw .invalid("the updates have another type than the data")
        }
        if builder.shape(operands[2]).contains(0) { return operands[0] }
        return try builder.emit(
            opcode, words: words, operands, to: builder.shape(operands[0]), builder.elementType(operands[0]))
    }

    private static func reduction(_ node: ImportedNode) throws(Refusal) -> Int32 {
        switch try node.text("reduction", default: "none") {
        case "none": 0
        case "add": PairOperation.add.rawValue
        case "mul": PairOperation.multiply.rawValue
        case "max": PairOperation.maximum.rawValue
        case "min": PairOperation.minimum.rawValue
        case let other: throw .invalid("reduction is \"\(other)\"")
        }
    }

    /// The axis of operators whose indices have the data's rank.
    private static func axis(
        _ builder: GraphBuilder, _ node: ImportedNode, _ indices: ValueID
    ) throws(Refusal) -> Int {
        let (shape, part) = (builder.shape(try node.input(0)), builder.shape(indices))
        let number = try node.int("axis", default: 0)
        guard let axis = Extents.axis(number, rank: shape.count), part.count == shape.count,
            shape.indices.allSatisfy({ $0 == axis || part[$0] <= shape[$0] })
        else { throw .invalid("indices \(part) do not fit axis \(number) of \(shape)") }
        return axis
    }
}
