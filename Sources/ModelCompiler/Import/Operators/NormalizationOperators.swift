import ModelImage

/// Softmax and what brings tensors to a mean and a variance.
enum NormalizationOperators {
    static let rules: [String: OperatorRule] = [
        "BatchNormalization": OperatorRule(batchNormalization),
        "InstanceNormalization": OperatorRule(instanceNormalization),
        "LayerNormalization": OperatorRule(since: 17, layerNormalization), "LRN": OperatorRule(localResponse),
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

    // MARK: - Batch normalisation

    /// `(x − mean) / √(variance + epsilon) · scale + shift`, per channel.
    private static func batchNormalization(
        _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> [ValueID] {
        if try node.int("spatial", default: 1) == 0 {
            throw .unsupported("spatial is 0", help: "normalise per channel")
        }
        let isTraining = try node.flag("training_mode")
        guard node.version >= 14 || !(1..<5).contains(where: node.wants) else {
            throw .unsupported("it is in training mode", help: "export the model for inference (model.eval())")
        }
        let shape = builder.shape(try node.input(0))
        let channels = shape.count > 1 ? shape[1] : 1
        for index in 1...4 where try builder.shape(node.input(index)) != [channels] {
            throw .invalid("a parameter does not fit \(channels) channels")
        }
        if isTraining { return try trained(&builder, node) }
        let parameters = try (1...4).map { index throws(Refusal) in builder.constant(try node.input(index))?.floats }
        let known = parameters.compactMap { $0?.map { Double($0) } }
        if known.count == 4 { return [try folded(&builder, node, known)] }
        let x = try node.input(0)
        return [try normalized(x, mean: node.input(3), variance: node.input(4), &builder, node)]
    }

    /// Known parameters are one multiplication and one addition.
    private static func folded(
        _ builder: inout GraphBuilder, _ node: ImportedNode, _ parameters: [[Double]]
    ) throws(Refusal) -> ValueID {
        let x = try node.input(0)
        let channels = parameters[0].count
        let epsilon = Double(try node.float("epsilon", default: 1e-5))
        let factors = zip(parameters[0], parameters[3]).map { $0 / ($1 + epsilon).squareRoot() }
        let shifts = (0..<channels).map { parameters[1][$0] - parameters[2][$0] * factors[$0] }
        let scale = try builder.constant(Constant(floats: factors.map { Float($0) }, shape: [channels]))
        let shift = try builder.constant(Constant(floats: shifts.map { Float($0) }, shape: [channels]))
        if builder.shape(x).count > 1 { return try builder.emit(.affine(axis: 1), .none, [x, scale, shift]) }
        return try builder.combine(.add, builder.combine(.multiply, x, scale), shift)
    }

    /// Training mode: the batch's own mean and variance, and the running ones that follow from them.
    private static func trained(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let axes = builder.shape(x).indices.filter { $0 != 1 }
        let moments = try moments(x, axes: axes, &builder)
        let channels = builder.shape(try node.input(1))
        let (mean, variance) = (
            try builder.reshape(moments.mean, to: channels), try builder.reshape(moments.variance, to: channels)
        )
        let momentum = try node.float("momentum", default: 0.9)
        var results = [try normalized(x, mean: mean, variance: variance, &builder, node)]
        for (running, current) in [(try node.input(3), mean), (try node.input(4), variance)] {
            let kept = try builder.combine(.multiply, running, builder.scalar(momentum))
            let added = try builder.combine(.multiply, current, builder.scalar(1 - momentum))
            results.append(try builder.combine(.add, kept, added))
        }
        return results
    }

    private static func normalized(
        _ x: ValueID, mean: ValueID, variance: ValueID, _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> ValueID {
        let shape = builder.shape(x)
        let wide = shape.count > 1 ? [shape[1]] + [Int](repeating: 1, count: shape.count - 2) : [1]
        let spread = try deviation(variance, &builder, node)
        let factor = try builder.combine(.divide, node.input(1), spread)
        let centred = try builder.combine(.subtract, x, builder.reshape(mean, to: wide))
        let scaled = try builder.combine(.multiply, centred, builder.reshape(factor, to: wide))
        return try builder.combine(.add, scaled, builder.reshape(node.input(2), to: wide))
    }

    // MARK: - Normalisation by the tensor's own moments

    /// Over the axes from `axis` on; scale and bias have their extents.
    private static func layerNormalization(
        _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let shape = builder.shape(x)
        let number = try node.int("axis", default: -1)
        guard let axis = Extents.axis(number, rank: shape.count) else { throw .invalid("axis \(number)") }
        let moments = try moments(x, axes: Array(axis..<shape.count), &builder)
        let inverse = try builder.emit(Activation(.reciprocal), deviation(moments.variance, &builder, node))
        var result = try builder.combine(.multiply, moments.centred, inverse)
        result = try builder.combine(.multiply, result, node.input(1))
        if let bias = node.optional(2) { result = try builder.combine(.add, result, bias) }
        guard builder.shape(result) == shape else { throw .invalid("scale or bias do not fit \(shape)") }
        return [result, moments.mean, inverse]
    }

    /// Over the spatial axes of each channel.
    private static func instanceNormalization(
        _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let shape = builder.shape(x)
        guard shape.count > 2, try builder.shape(node.input(1)) == [shape[1]],
            try builder.shape(node.input(2)) == [shape[1]]
        else { throw .invalid("scale or bias do not fit \(shape)") }
        let moments = try moments(x, axes: Array(2..<shape.count), &builder)
        let wide = [shape[1]] + [Int](repeating: 1, count: shape.count - 2)
        let spread = try deviation(moments.variance, &builder, node)
        let factor = try builder.combine(.divide, builder.reshape(node.input(1), to: wide), spread)
        let scaled = try builder.combine(.multiply, moments.centred, factor)
        return [try builder.combine(.add, scaled, builder.reshape(node.input(2), to: wide))]
    }

    /// Mean and variance over axes that are kept, and what is left of `x` without the mean.
    private static func moments(
        _ x: ValueID, axes: [Int], _ builder: inout GraphBuilder
    ) throws(Refusal) -> (mean: ValueID, centred: ValueID, variance: ValueID) {
        let mean = try builder.reduce(.mean, x, axes: axes, keepsAxes: true)
        let centred = try builder.combine(.subtract, x, mean)
        let squares = try builder.combine(.multiply, centred, centred)
        return (mean, centred, try builder.reduce(.mean, squares, axes: axes, keepsAxes: true))
    }

    /// `√(variance + epsilon)`.
    private static func deviation(
        _ variance: ValueID, _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> ValueID {
        let epsilon = Double(try node.float("epsilon", default: 1e-5))
        let type = builder.elementType(variance)
        return try builder.emit(Activation(.sqrt), builder.combine(.add, variance, builder.scalar(epsilon, type)))
    }

    // MARK: - Local response

    /// `x / (bias + alpha · mean of squares of the neighbouring channels)^beta`; the mean is a pool over channels.
    private static func localResponse(
        _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let shape = builder.shape(x)
        guard shape.count > 2, let size = try node.int("size"), (1...ImageLimits.window).contains(size) else {
            throw .invalid("an operand \(shape), or no size")
        }
        let planes = try builder.reshape(x, to: [shape[0], 1, shape[1], shape[2...].reduce(1, *)])
        let window = SpatialWindow(
            kernel: [size, 1], strides: [1, 1], dilations: [1, 1], padsBefore: [(size - 1) / 2, 0],
            padsAfter: [size / 2, 0], output: Array(builder.shape(planes)[2...]))
        let squares = try builder.combine(.multiply, planes, planes)
        let means = try builder.emit(.pool(.average(countsPadding: true), window, .first), .none, [squares])
        let weighted = try builder.combine(
            .multiply, means, builder.scalar(try node.float("alpha", default: 0.0001)))
        let base = try builder.combine(.add, weighted, builder.scalar(try node.float("bias", default: 1)))
        let divisor = try builder.combine(.power, base, builder.scalar(try node.float("beta", default: 0.75)))
        return [try builder.reshape(builder.combine(.divide, planes, divisor), to: shape)]
    }
}
