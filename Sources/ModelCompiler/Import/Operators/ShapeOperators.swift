import ModelImage

/// Operators that give the same elements another shape or order, or pass them on.
enum ShapeOperators {
    static let rules: [String: OperatorRule] = [
        "Identity": OperatorRule { _, node throws(Refusal) in [try node.input(0)] },
        "Dropout": OperatorRule(dropout),
        "Reshape": OperatorRule(reshape),
        "Flatten": OperatorRule { builder, node throws(Refusal) in
            let x = try node.input(0)
            let shape = builder.shape(x)
            let number = try node.int("axis", default: 1)
            let axis = number < 0 ? number + shape.count : number
            guard (0...shape.count).contains(axis) else { throw .invalid("axis \(number)") }
            return [try builder.reshape(x, to: [shape[..<axis].reduce(1, *), shape[axis...].reduce(1, *)])]
        },
        "Squeeze": OperatorRule(squeeze),
        "Unsqueeze": OperatorRule(unsqueeze),
        "Transpose": OperatorRule { builder, node throws(Refusal) in
            let x = try node.input(0)
            let permutation = try node.ints("perm") ?? builder.shape(x).indices.reversed()
            return [try builder.emit(.transpose(permutation), .none, [x])]
        },
        "Concat": OperatorRule { builder, node throws(Refusal) in
            var inputs: [ValueID] = []
            for index in node.inputs.indices { inputs.append(try node.input(index)) }
            guard let first = inputs.first, inputs.count <= ImageLimits.operands else {
                throw .unsupported("\(inputs.count) operands", help: "join at most \(ImageLimits.operands) at a time")
            }
            let number = try node.int("axis", default: 1)
            guard let axis = Extents.axis(number, rank: builder.shape(first).count) else {
                throw .invalid("axis \(number)")
            }
            return [try join(inputs, axis: axis, &builder)]
        },
    ]

    /// Joins operands that may be empty constants, which contribute nothing.
    private static func join(
        _ inputs: [ValueID], axis: Int, _ builder: inout GraphBuilder
    ) throws(Refusal) -> ValueID {
        let filled = inputs.filter { !builder.shape($0).contains(0) }
        if filled.count == 1, let only = filled.first { return only }
        return try builder.emit(.concat(axis: axis), .none, filled.isEmpty ? inputs : filled)
    }

    /// Passes its input on, with a mask that is all true; a mode that may be training is left to the run.
    private static func dropout(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        try builder.requireNumbers(x)
        if let mode = node.optional(2), builder.constant(mode)?.integers?.first != 0 {
            let half = try builder.scalar(0.5, .float64)
            let ratio = node.optional(1) ?? half
            var results = [ShapeInference.Result(builder.shape(x), builder.elementType(x))]
            if node.wants(1) { results.append(.init(builder.shape(x), .bool)) }
            let seed = Int32(truncatingIfNeeded: try node.int("seed", default: 0))
            return try builder.emit(
                PortableNode(opcode: .dropout, words: [seed], results: results, scratchBytes: 4 * 624),
                [x, builder.cast(ratio, to: .float64), mode])
        }
        guard node.wants(1) else { return [x] }
        let shape = builder.shape(x)
        let mask = [Int64](repeating: 1, count: shape.reduce(1, *))
        return [x, try builder.constant(Constant(integers: mask, shape: shape, elementType: .bool))]
    }

    /// −1 stands for what is left; 0 for the extent that was there, unless `allowzero` says that it is meant.
    private static func reshape(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let old = builder.shape(x)
        guard let numbers = builder.constant(try node.input(1))?.integers else { throw .mustBeConstant("the shape") }
        let keepsZero = try node.flag("allowzero")
        var shape: [Int] = []
        for (axis, number) in numbers.enumerated() {
            if number == 0, !keepsZero {
                guard axis < old.count else { throw .invalid("extent 0 of axis \(axis) copies nothing") }
                shape.append(old[axis])
            } else {
                shape.append(Int(number))
            }
        }
        let open = shape.indices.filter { shape[$0] < 0 }
        guard open.count <= 1, open.allSatisfy({ shape[$0] == -1 }) else { throw .invalid("shape \(numbers)") }
        if let axis = open.first {
            shape[axis] = 1
            guard let known = Extents.count(shape), let count = Extents.count(old), known > 0, count % known == 0 else {
                throw .invalid("\(old) cannot be reshaped to \(numbers)")
            }
            shape[axis] = count / known
        }
        return [try builder.reshape(x, to: shape)]
    }

    /// The axes, as an attribute before version 13 and an input since.
    private static func axes(
        _ builder: GraphBuilder, _ node: ImportedNode, rank: Int
    ) throws(Refusal) -> Set<Int>? {
        var numbers = try node.ints("axes")
        if let input = node.optional(1) {
            guard let known = builder.constant(input)?.integers else { throw .mustBeConstant("the axes") }
            numbers = known.map { Int($0) }
        }
        guard let numbers else { return nil }
        var axes: Set<Int> = []
        for number in numbers {
            guard let axis = Extents.axis(number, rank: rank), axes.insert(axis).inserted else {
                throw .invalid("axes \(numbers) of \(rank)")
            }
        }
        return axes
    }

    private static func squeeze(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let shape = builder.shape(x)
        let axes = try axes(builder, node, rank: shape.count) ?? Set(shape.indices.filter { shape[$0] == 1 })
        guard axes.allSatisfy({ shape[$0] == 1 }) else { throw .invalid("axes \(axes.sorted()) of \(shape)") }
        return [try builder.reshape(x, to: shape.indices.filter { !axes.contains($0) }.map { shape[$0] })]
    }

    private static func unsqueeze(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        var rest = builder.shape(x)[...]
        let count = try node.ints("axes")?.count ?? builder.constant(node.optional(1))?.count ?? 0
        let rank = rest.count + count
        guard let axes = try axes(builder, node, rank: rank) else { throw .invalid("the axes are missing") }
        let shape = (0..<rank).map { axes.contains($0) ? 1 : rest.removeFirst() }
        return [try builder.reshape(x, to: shape)]
    }
}
