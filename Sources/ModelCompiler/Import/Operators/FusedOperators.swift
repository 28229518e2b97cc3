import ModelImage

/// Operators of `com.microsoft` that ONNX Runtime's optimiser fuses from standard ones.
enum FusedOperators {
    static let rules: [String: OperatorRule] = [
        "FusedConv": OperatorRule(convolution), "FusedMatMul": OperatorRule(matMul),
    ]

    /// A convolution, plus `Z` if given, and then the activation.
    private static func convolution(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        var result = try ConvolutionOperators.convolution(&builder, node)[0]
        if let addend = node.optional(3) { result = try builder.combine(.add, result, addend) }
        let parameters = try node.floats("activation_params") ?? []
        func parameter(_ index: Int, _ standard: Float) -> Float {
            index < parameters.count ? parameters[index] : standard
        }
        let activation: Activation
        switch try node.text("activation", default: "") {
        case "": return [result]
        case "Relu": activation = Activation(.relu)
        case "Tanh": activation = Activation(.tanh)
        case "Sigmoid": activation = Activation(.sigmoid)
        case "HardSwish": activation = Activation(.hardSwish)
        case "LeakyRelu": activation = Activation(.leakyRelu, alpha: parameter(0, 0.01))
        case "Clip": activation = .clip(parameter(0, -.infinity), parameter(1, .infinity))
        case "HardSigmoid": activation = Activation(.hardSigmoid, alpha: parameter(0, 0.2), beta: parameter(1, 0.5))
        case let other: throw .unsupported("the activation \(other)", help: "write it as a node of its own")
        }
        return [try builder.emit(activation, result)]
    }

    /// `alpha · A′ · B′`, each operand transposed if told; the first axis of a batch too.
    private static func matMul(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        var operands: [ValueID] = []
        for (index, side) in ["A", "B"].enumerated() {
            var value = try node.input(index)
            let rank = builder.shape(value).count
            var axes = Array(0..<rank)
            if try node.flag("transBatch\(side)") {
                // [M, batch…, K] becomes [batch…, M, K].
                guard rank > 2 else { throw .invalid("transBatch\(side) of an operand of rank \(rank)") }
                axes = Array(1..<rank - 1) + [0, rank - 1]
            }
            if try node.flag("trans\(side)"), rank > 1 { axes.swapAt(rank - 1, rank - 2) }
            if axes != Array(0..<rank) { value = try builder.emit(.transpose(axes), .none, [value]) }
            operands.append(value)
        }
        let product = try LinearOperators.matMul(&builder, operands[0], operands[1])
        let alpha = try node.float("alpha", default: 1)
        return [alpha == 1 ? product : try builder.combine(.multiply, product, builder.scalar(alpha))]
    }
}
