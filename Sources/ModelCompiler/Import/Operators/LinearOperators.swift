import ModelImage

/// Matrix products.
enum LinearOperators {
    static let rules: [String: OperatorRule] = [
        "Gemm": OperatorRule(gemm),
        "MatMul": OperatorRule { builder, node throws(Refusal) in
            [try matMul(&builder, node.input(0), node.input(1))]
        },
    ]

    /// `alpha · A′ · B′ + beta · C`.
    private static func gemm(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        var a = try node.input(0)
        let b = try node.input(1)
        guard builder.shape(a).count == 2, builder.shape(b).count == 2 else {
            throw .invalid("operands \(builder.shape(a)) and \(builder.shape(b)) are not matrices")
        }
        let alpha = try node.float("alpha", default: 1)
        let beta = try node.float("beta", default: 1)
        if try node.flag("transA") { a = try builder.emit(.transpose([1, 0]), .none, [a]) }
        let transposed = try node.flag("transB")
        var product: ValueID
        if let known = builder.constant(b) {
            let turned = transposed ? builder.transposed(b, known) : b
            let weights = try scaled(turned, by: alpha, &builder)
            guard builder.constant(weights) != nil else {
                throw .unsupported(
                    "its scaled weights would exceed CompileOptions.maximumFoldedBytes",
                    help: "multiply the weights by alpha before the export")
            }
            if let bias = try constantBias(&builder, node, columns: builder.shape(weights)[1], beta: beta) {
                return [try builder.emit(.dense, .none, [a, weights, bias])]
            }
            product = try builder.emit(.dense, .none, [a, weights])
        } else {
            product = try builder.emit(.matMul(transposedRight: transposed), .none, [a, b])
            product = try scaled(product, by: alpha, &builder)
        }
        guard let c = node.optional(2) else { return [product] }
        let shape = builder.shape(product)
        guard Extents.broadcast(shape, builder.shape(c)) == shape else {
            throw .invalid("C \(builder.shape(c)) does not broadcast to \(shape)")
        }
        return [try builder.combine(.add, product, scaled(c, by: beta, &builder))]
    }

    private static func scaled(
        _ value: ValueID, by factor: Float, _ builder: inout GraphBuilder
    ) throws(Refusal) -> ValueID {
        guard factor != 1 else { return value }
        return try builder.combine(.multiply, value, builder.scalar(factor))
    }

    /// `beta · C` as one number per column, or `nil` when C is no such constant.
    private static func constantBias(
        _ builder: inout GraphBuilder, _ node: ImportedNode, columns: Int, beta: Float
    ) throws(Refusal) -> ValueID? {
        guard let c = builder.constant(node.optional(2)), let values = c.floats, c.elementType == .float32,
            [[], [1], [1, 1], [columns], [1, columns]].contains(c.shape), columns > 0
        else { return nil }
        let bias = (0..<columns).map { values[values.count == 1 ? 0 : $0] * beta }
        return try builder.constant(Constant(floats: bias, shape: [columns]))
    }

    /// The rules of numpy.matmul: a vector on the left becomes a row, on the right a column, and its axis is dropped.
    static func matMul(_ builder: inout GraphBuilder, _ left: ValueID, _ right: ValueID) throws(Refusal) -> ValueID {
        var a = left
        var b = right
        let leftIsVector = builder.shape(a).count == 1
        let rightIsVector = builder.shape(b).count == 1
        guard !builder.shape(a).isEmpty, !builder.shape(b).isEmpty else { throw .invalid("an operand is a scalar") }
        if leftIsVector { a = try builder.reshape(a, to: [1] + builder.shape(a)) }
        if rightIsVector { b = try builder.reshape(b, to: builder.shape(b) + [1]) }
        let isDense = builder.constant(b) != nil && builder.shape(b).count == 2
        let product = try builder.emit(isDense ? .dense : .matMul(transposedRight: false), .none, [a, b])
        var shape = builder.shape(product)
        if rightIsVector { shape.removeLast() }
        if leftIsVector { shape.remove(at: shape.count - (rightIsVector ? 1 : 2)) }
        return try builder.reshape(product, to: shape)
    }
}
