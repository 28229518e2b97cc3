import ModelImage

/// ConvInteger and MatMulInteger: sums of products of bytes, as int32.
enum IntegerProducts {
    /// `a, b, a's zero?, b's zero?` by the rules of numpy.matmul
    static func matMul(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        var a = try operand(0, builder, node)
        var b = try operand(1, builder, node)
        let leftIsVector = builder.shape(a).count == 1
        let rightIsVector = builder.shape(b).count == 1
        guard !builder.shape(a).isEmpty, !builder.shape(b).isEmpty else { throw .invalid("an operand is a scalar") }
        if leftIsVector { a = try builder.reshape(a, to: [1] + builder.shape(a)) }
        if rightIsVector { b = try builder.reshape(b, to: builder.shape(b) + [1]) }
        let (left, right) = (builder.shape(a), builder.shape(b))
        guard left[left.count - 1] == right[right.count - 2],
            let batch = Extents.broadcast(Array(left.dropLast(2)), Array(right.dropLast(2)))
        else { throw .invalid("\(left) and \(right) cannot be multiplied") }
        let (rows, columns) = (left[left.count - 2], right[right.count - 1])
        let zeros = [try zeros(2, rows, &builder, node), try zeros(3, columns, &builder, node)]
        let product = try builder.emit(.integerMatMul, [a, b] + zeros, to: batch + [rows, columns], .int32)
        return [
            try builder.reshape(product, to: batch + (leftIsVector ? [] : [rows]) + (rightIsVector ? [] : [columns]))
        ]
    }

    /// `x, weights, x's zero?, weights' zero?`
    static func convolution(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try operand(0, builder, node)
        let weights = try operand(1, builder, node)
        let (image, filters) = (builder.shape(x), builder.shape(weights))
        guard image.count == filters.count, (3...4).contains(image.count) else {
            throw .unsupported("weights \(filters) over \(image)", help: "use one or two spatial axes")
        }
        let groups = try node.int("group", default: 1)
        guard groups >= 1, filters[0] % groups == 0, filters[1] * groups == image[1] else {
            throw .invalid("weights \(filters) do not fit \(groups) groups of \(image)")
        }
        let window = try WindowAttributes.window(
            node, space: Array(image.dropFirst(2)), kernel: Array(filters.dropFirst(2)))
        func planar(_ shape: [Int]) -> [Int] { shape.count == 3 ? [shape[0], shape[1], 1, shape[2]] : shape }
        func pair(_ values: [Int], _ absent: Int) -> [Int32] {
            (values.count == 1 ? [absent] + values : values).map { Int32($0) }
        }
        let result = [image[0], filters[0]] + window.output
        let words = [Int32(groups)] + pair(window.strides, 1) + pair(window.dilations, 1) + pair(window.padsBefore, 0)
        let operands: [ValueID?] = [
            try builder.reshape(x, to: planar(image)), try builder.reshape(weights, to: planar(filters)),
            try zeros(2, 1, &builder, node), try zeros(3, filters[0], &builder, node),
        ]
        let sums = try builder.emit(.integerSums, words: words, operands, to: planar(result), .int32)
        return [try builder.reshape(sums, to: result)]
    }

    private static func operand(
        _ slot: Int, _ builder: GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> ValueID {
        let value = try node.input(slot)
        guard [.int8, .uint8].contains(builder.elementType(value)) else {
            throw .invalid("operand \(slot) is of \(builder.elementType(value)), not int8 or uint8")
        }
        return value
    }

    /// Zero points as int32: one, or one for each of `count`.
    private static func zeros(
        _ slot: Int, _ count: Int, _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> ValueID {
        guard let value = node.optional(slot) else {
            return try builder.constant(Constant(integers: [0], shape: [1], elementType: .int32))
        }
        let extents = builder.shape(value)
        let found = extents.reduce(1, *)
        guard extents.count <= 1, found == 1 || found == count else {
            throw .unsupported("zero points of shape \(extents)", help: "use one, or one for each row or column")
        }
        return try builder.cast(builder.reshape(value, to: [found]), to: .int32)
    }
}
