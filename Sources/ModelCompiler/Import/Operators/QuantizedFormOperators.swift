import ModelImage

/// The operators of ONNX Runtime's quantized operator format. Each becomes dequantize → the float operator → quantize;
/// the passes put an integer kernel in the place of the three where there is one.
enum QuantizedFormOperators {
    static let rules: [String: OperatorRule] = [
        "QLinearConv": OperatorRule(since: 10, convolution), "QLinearMatMul": OperatorRule(since: 10, matMul),
        "ConvInteger": OperatorRule(since: 10, IntegerProducts.convolution),
        "MatMulInteger": OperatorRule(since: 10, IntegerProducts.matMul),
    ]

    /// Those of ONNX Runtime's own domain.
    static let microsoft: [String: OperatorRule] = [
        "QLinearAdd": OperatorRule { builder, node throws(Refusal) in try pair("Add", &builder, node) },
        "QLinearMul": OperatorRule { builder, node throws(Refusal) in try pair("Mul", &builder, node) },
        "QLinearSigmoid": OperatorRule { builder, node throws(Refusal) in try single("Sigmoid", &builder, node) },
        "QLinearLeakyRelu": OperatorRule { builder, node throws(Refusal) in try single("LeakyRelu", &builder, node) },
        "QLinearSoftmax": OperatorRule { builder, node throws(Refusal) in
            try single("Softmax", version: node.int("opset", default: 13), &builder, node)
        },
        "QLinearAveragePool": OperatorRule { builder, node throws(Refusal) in
            try pool("AveragePool", &builder, node)
        },
        "QLinearGlobalAveragePool": OperatorRule { builder, node throws(Refusal) in
            try pool("GlobalAveragePool", &builder, node)
        },
        "QLinearConcat": OperatorRule(concat),
        "QGemm": OperatorRule(gemm),
    ]

    // MARK: - Layers

    /// `x, scale, zero, weights, scale, zero, result's scale, zero, bias?`
    private static func convolution(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try dequantized(0, &builder, node)
        let weights = try dequantized(3, axis: 0, &builder, node)
        var inputs: [ValueID?] = [x, weights]
        if let bias = node.optional(8) {
            inputs.append(try product(bias, scales: (node.input(1), node.input(4)), &builder))
        }
        return [try quantized(lower("Conv", inputs, &builder, node), 6, &builder, node)]
    }

    /// `a, scale, zero, b, scale, zero, result's scale, zero`
    private static func matMul(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let a = try dequantized(0, axis: -2, &builder, node)
        let b = try dequantized(3, axis: -1, &builder, node)
        return [try quantized(lower("MatMul", [a, b], &builder, node), 6, &builder, node)]
    }

    /// `a, scale, zero, b, scale, zero, bias?, result's scale?, zero?`: floats without the result's scale.
    private static func gemm(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let isTransposed = try node.flag("transB")
        var inputs: [ValueID?] = [
            try dequantized(0, &builder, node), try dequantized(3, axis: isTransposed ? 0 : 1, &builder, node),
        ]
        if let bias = node.optional(6) {
            // The bias is added to the sums, before they are scaled.
            let alpha = try node.float("alpha", default: 1)
            let scaled = try product(bias, scales: (node.input(1), node.input(4)), &builder)
            inputs.append(alpha == 1 ? scaled : try builder.combine(.multiply, scaled, builder.scalar(alpha)))
        }
        let result = try lower("Gemm", inputs, &builder, node)
        return [node.optional(7) == nil ? result : try quantized(result, 7, &builder, node)]
    }

    /// An int32 bias as floats: multiples of the product of two scales.
    private static func product(
        _ bias: ValueID, scales: (ValueID, ValueID), _ builder: inout GraphBuilder
    ) throws(Refusal) -> ValueID {
        let scale = try builder.combine(
            .multiply, builder.reshape(scales.0, to: []), builder.reshape(scales.1, to: builder.flat(scales.1)))
        return try builder.dequantize(bias, by: QuantizationOperands(scale: scale, zeroPoint: nil, axis: -1))
    }

    // MARK: - Others

    /// `x, scale, zero, result's scale, zero`
    private static func single(
        _ name: String, version: Int? = nil, _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> [ValueID] {
        let x = try dequantized(0, &builder, node)
        return [try quantized(lower(name, [x], version: version, &builder, node), 3, &builder, node)]
    }

    /// `a, scale, zero, b, scale, zero, result's scale, zero`
    private static func pair(
        _ name: String, _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> [ValueID] {
        let a = try dequantized(0, &builder, node)
        let b = try dequantized(3, &builder, node)
        return [try quantized(lower(name, [a, b], &builder, node), 6, &builder, node)]
    }

    /// The same as ``single(_:version:_:_:)`` on images, whose channels may be last.
    private static func pool(
        _ name: String, _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> [ValueID] {
        var x = try dequantized(0, &builder, node)
        let rank = builder.shape(x).count
        guard rank > 2 else { throw .invalid("a pool over \(builder.shape(x))") }
        let isLast = try node.flag("channels_last")
        if isLast { x = try builder.emit(.transpose([0, rank - 1] + Array(1..<rank - 1)), .none, [x]) }
        var y = try lower(name, [x], &builder, node)
        if isLast { y = try builder.emit(.transpose([0] + Array(2..<rank) + [1]), .none, [y]) }
        return [try quantized(y, 3, &builder, node)]
    }

    /// `result's scale, zero, then for each operand x, scale, zero`
    private static func concat(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        guard node.inputs.count >= 5, node.inputs.count % 3 == 2 else {
            throw .invalid("\(node.inputs.count) inputs are not a scale, a zero point and operands of three")
        }
        var operands: [ValueID?] = []
        for slot in stride(from: 2, to: node.inputs.count, by: 3) {
            operands.append(try dequantized(slot, &builder, node))
        }
        return [try quantized(lower("Concat", operands, &builder, node), 0, &builder, node)]
    }

    // MARK: - The three parts

    /// Inputs `slot`, `slot + 1` and `slot + 2` as a dequantized value.
    private static func dequantized(
        _ slot: Int, axis: Int = 0, _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> ValueID {
        let scale = try node.input(slot + 1)
        return try builder.dequantize(
            node.input(slot), by: QuantizationOperands(scale: scale, zeroPoint: node.optional(slot + 2), axis: axis))
    }

    /// The result quantized by inputs `slot` and `slot + 1`; of the zero point's type, or uint8 without one.
    private static func quantized(
        _ value: ValueID, _ slot: Int, _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> ValueID {
        let zeroPoint = node.optional(slot + 1)
        return try builder.quantize(
            value, by: QuantizationOperands(scale: try node.input(slot), zeroPoint: zeroPoint, axis: -1),
            to: zeroPoint.map { builder.elementType($0) } ?? .uint8)
    }

    /// What ONNX's own operator `name` makes of the inputs with this node's attributes.
    private static func lower(
        _ name: String, _ inputs: [ValueID?], version: Int? = nil, _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> ValueID {
        guard let rule = OperatorTable.rule(name, domain: "", version: version ?? 13) else {
            throw .unsupported("\(name) is unknown", help: "export the float model")
        }
        let float = ImportedNode(node.node, version: version ?? 13, inputs: inputs)
        guard let result = try rule.lower(&builder, float).first else { throw .invalid("\(name) has no result") }
        return result
    }
}

extension GraphBuilder {
    /// The shape of a scale without needless axes.
    fileprivate func flat(_ value: ValueID) -> [Int] {
        let count = shape(value).reduce(1, *)
        return count == 1 ? [] : [count]
    }
}
