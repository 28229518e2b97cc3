import ModelImage

/// Softmax and batch normalisation.
enum NormalizationOperators {
    static let rules: [String: OperatorRule] = [
        "BatchNormalization": OperatorRule(batchNormalization),
        "Softmax": OperatorRule { builder, node throws(Refusal) in
            [try softmax(&builder, node, logarithmic: false)]
        },
        "LogSoftmax": OperatorRule { builder, node throws(Refusal) in
            [try softmax(&builder, node, logarithmic: true)]
        },
    ]

    /// Before version 13 the axes from `axis` (default 1) on are taken together; since then `axis` (default −1) is one.
    private static func softmax(
        _ builder: inout GraphBuilder, _ node: ImportedNode, logarithmic: Bool
    ) throws(Refusal) -> ValueID {
        let x = try node.input(0)
        let shape = builder.shape(x)
        if node.version >= 13 {
            let number = try node.int("axis", default: -1)
            guard let axis = Extents.axis(number, rank: shape.count) else { throw .invalid("axis \(number)") }
            return try builder.emit(.softmax(axis: axis, logarithmic: logarithmic), .none, [x])
        }
        let number = try node.int("axis", default: 1)
        let axis = number < 0 ? number + shape.count : number
        guard (0...shape.count).contains(axis) else { throw .invalid("axis \(number)") }
        let flat = try builder.reshape(x, to: [shape[..<axis].reduce(1, *), shape[axis...].reduce(1, *)])
        let result = try builder.emit(.softmax(axis: 1, logarithmic: logarithmic), .none, [flat])
        return try builder.reshape(result, to: shape)
    }

    /// Inference only: `(x − mean) / √(variance + epsilon) · scale + shift`, as one multiplication and one addition.
    private static func batchNormalization(
        _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> [ValueID] {
        if try node.flag("training_mode") || (1..<5).contains(where: node.wants) {
            throw .unsupported("it is in training mode", help: "export the model for inference (model.eval())")
        }
        if try node.int("spatial", default: 1) == 0 {
            throw .unsupported("spatial is 0", help: "normalise per channel")
        }
        let x = try node.input(0)
        let shape = builder.shape(x)
        let channels = shape.count > 1 ? shape[1] : 1
        let epsilon = Double(try node.float("epsilon", default: 1e-5))
        var parameters: [[Double]] = []
        for index in 1...4 {
            guard let constant = builder.constant(try node.input(index)) else { throw .mustBeConstant("a parameter") }
            guard let values = constant.floats, values.count == channels else {
                throw .invalid("a parameter \(constant.shape) does not fit \(channels) channels")
            }
            parameters.append(values.map { Double($0) })
        }
        let factors = zip(parameters[0], parameters[3]).map { $0 / ($1 + epsilon).squareRoot() }
        let shifts = (0..<channels).map { parameters[1][$0] - parameters[2][$0] * factors[$0] }
        let scale = try builder.constant(Constant(floats: factors.map { Float($0) }, shape: [channels]))
        let shift = try builder.constant(Constant(floats: shifts.map { Float($0) }, shape: [channels]))
        if shape.count > 1 { return [try builder.emit(.affine(axis: 1), .none, [x, scale, shift])] }
        let scaled = try builder.combine(.multiply, x, scale)
        return [try builder.combine(.add, scaled, shift)]
    }
}
