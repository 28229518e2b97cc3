import ModelImage

/// Operators that map each element by itself. Defaults are those of the ONNX operator specifications.
enum ActivationOperators {
    static let rules: [String: OperatorRule] = plain.mapValues { function in
        OperatorRule { builder, node throws(Refusal) in
            [try builder.emit(Activation(function), node.input(0))]
        }
    }.merging(parameterised) { first, _ in first }

    private static let plain: [String: UnaryFunction] = [
        "Relu": .relu, "Sigmoid": .sigmoid, "Tanh": .tanh, "HardSwish": .hardSwish, "Softplus": .softplus,
        "Softsign": .softsign, "Erf": .erf, "Exp": .exp, "Log": .log, "Sqrt": .sqrt, "Abs": .abs, "Neg": .negate,
        "Reciprocal": .reciprocal, "Floor": .floor, "Ceil": .ceil, "Round": .round, "Sign": .sign,
    ]

    private static let parameterised: [String: OperatorRule] = [
        "LeakyRelu": rule(.leakyRelu, alpha: 0.01),
        "Elu": rule(.elu, alpha: 1),
        "Selu": rule(.selu, alpha: 1.67326319217681884765625, beta: ("gamma", 1.05070102214813232421875)),
        "HardSigmoid": rule(.hardSigmoid, alpha: 0.2, beta: ("beta", 0.5)),
        "ThresholdedRelu": rule(.thresholdedRelu, alpha: 1, since: 10),
        "Swish": rule(.swish, alpha: 1, since: 24),
        "Gelu": OperatorRule(since: 20) { builder, node throws(Refusal) in
            switch try node.text("approximate", default: "none") {
            case "none": [try builder.emit(Activation(.gelu), node.input(0))]
            case "tanh": [try builder.emit(Activation(.geluTanh), node.input(0))]
            case let other: throw .invalid("approximate is \"\(other)\"")
            }
        },
        "Mish": OperatorRule(since: 18) { builder, node throws(Refusal) in
            let gate = try builder.emit(Activation(.tanh), builder.emit(Activation(.softplus), node.input(0)))
            return [try builder.combine(.multiply, node.input(0), gate)]
        },
        "Clip": OperatorRule(clip),
        "PRelu": OperatorRule(parametricRelu),
    ]

    private static func rule(
        _ function: UnaryFunction, alpha: Float, beta: (name: String, value: Float)? = nil, since: Int = 1
    ) -> OperatorRule {
        OperatorRule(since: since) { builder, node throws(Refusal) in
            var second: Float = 0
            if let beta { second = try node.float(beta.name, default: beta.value) }
            let activation = Activation(function, alpha: try node.float("alpha", default: alpha), beta: second)
            return [try builder.emit(activation, node.input(0))]
        }
    }

    /// Before version 11 the bounds are attributes, then optional inputs.
    private static func clip(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        var bounds: (lower: Float, upper: Float) = (-.infinity, .infinity)
        if node.version < 11 {
            bounds.lower = try node.float("min", default: -.infinity)
            bounds.upper = try node.float("max", default: .infinity)
        } else {
            let inputs = [node.optional(1), node.optional(2)].compactMap { $0 }
            let known = inputs.compactMap { builder.constant($0)?.floats?.first }
            guard known.count == inputs.count, builder.elementType(x) == .float32 else {
                var result = x
                if let lower = node.optional(1) { result = try builder.combine(.maximum, result, lower) }
                if let upper = node.optional(2) { result = try builder.combine(.minimum, result, upper) }
                return [result]
            }
            if let lower = node.optional(1) { bounds.lower = builder.constant(lower)?.floats?.first ?? -.infinity }
            if let upper = node.optional(2) { bounds.upper = builder.constant(upper)?.floats?.first ?? .infinity }
        }
        // Bounds that cross give the upper one everywhere.
        bounds.lower = min(bounds.lower, bounds.upper)
        return [try builder.emit(.clip(bounds.lower, bounds.upper), x)]
    }

    /// The slope broadcasts to the data in one direction only; before version 7 it is one number or one per channel.
    private static func parametricRelu(
        _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        var slope = try node.input(1)
        let rank = builder.shape(x).count
        if node.version < 7, builder.shape(slope).count == 1, rank > 2, builder.shape(slope)[0] > 1 {
            slope = try builder.reshape(slope, to: builder.shape(slope) + [Int](repeating: 1, count: rank - 2))
        }
        guard Extents.broadcast(builder.shape(x), builder.shape(slope)) == builder.shape(x) else {
            throw .invalid("slope \(builder.shape(slope)) does not broadcast to \(builder.shape(x))")
        }
        return [try builder.combine(.parametricRelu, x, slope)]
    }
}
