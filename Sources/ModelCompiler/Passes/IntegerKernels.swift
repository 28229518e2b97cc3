import ModelImage

/// `quantize(f(dequantize(x), …))` becomes one operation on bytes, as ONNX's static quantisers mean it.
///
/// Only exact replacements are made: where a scale per axis, a zero point or a size does not fit the integer kernels, the
/// nodes stay, and the model computes with the dequantized floats.
enum IntegerKernels {
    static func run(_ graph: inout Graph) throws(ShapeError) -> Int {
        var nodes: [GraphNode] = []
        var changes = 0
        var values = QuantizedValues(graph)
        for node in graph.nodes {
            let replaced = try replaced(node, values, &graph)
            if replaced != nil { changes += 1 }
            for node in replaced ?? [node] {
                values.add(node)
                nodes.append(node)
            }
        }
        graph.nodes = nodes
        return changes
    }

    private static func replaced(
        _ node: GraphNode, _ values: QuantizedValues, _ graph: inout Graph
    ) throws(ShapeError) -> [GraphNode]? {
        guard let quantization = QuantizedValues.quantization(of: node, in: graph),
            case let input?? = node.inputs.first, let computed = values.onlyRead(input),
            let range = quantization.bytes(computed.activation)
        else { return nil }
        let target = Target(quantization: quantization, range: range, output: node.output, name: computed.name)
        switch computed.operation {
        case .convolution, .dense: return filtered(computed, target, values, &graph).map { [$0] }
        case .binary(let function): return combined(computed, function, target, values, &graph).map { [$0] }
        case .pool(.average(let countsPadding), let window, let order):
            return averaged(computed, window, order, countsPadding, target, values, graph).map { [$0] }
        case .reduce(.mean, let axes, _): return try mean(computed, axes, target, values, &graph)
        default: return nil
        }
    }

    /// What takes the place of a quantizing node.
    private struct Target {
        let quantization: ByteQuantization
        let range: ByteRange
        let output: ValueID
        let name: String
    }

    // MARK: - Convolutions and dense layers

    private static func filtered(
        _ node: GraphNode, _ target: Target, _ values: QuantizedValues, _ graph: inout Graph
    ) -> GraphNode? {
        guard let source = values.dequantized(node.inputs[0], in: graph), (2...3).contains(node.inputs.count),
            let weights = node.inputs[1],
            let filters = IntegerFilters(
                weights: graph[weights].origin, bias: node.inputs.count > 2 ? graph.constant(node.inputs[2]) : nil,
                axis: node.operation == .dense ? 1 : 0, input: source.quantization, output: target.quantization)
        else { return nil }
        let type = target.quantization.type
        let operation: QuantizedOperation
        if case .convolution(let window, let groups, let order) = node.operation {
            operation = .convolution(
                window, groups: groups, order, inputZeroPoint: source.quantization.zeroPoint, to: type, target.range)
        } else {
            operation = .dense(to: type, target.range)
        }
        let constants = [filters.weights, filters.bias, filters.factors].map {
            graph.addConstant($0, name: graph[weights].name)
        }
        return GraphNode(
            operation: .quantized(operation), activation: .none, inputs: [source.value] + constants,
            output: target.output, name: target.name)
    }

    // MARK: - Arithmetic

    private static func combined(
        _ node: GraphNode, _ function: BinaryFunction, _ target: Target, _ values: QuantizedValues,
        _ graph: inout Graph
    ) -> GraphNode? {
        guard [.add, .subtract, .multiply].contains(function), node.inputs.count == 2,
            let first = operand(node.inputs[0], values, &graph), let second = operand(node.inputs[1], values, &graph),
            graph.constant(first.value) == nil || graph.constant(second.value) == nil
        else { return nil }
        let arithmetic = ByteArithmetic(
            function: function, firstZeroPoint: first.quantization.zeroPoint,
            secondZeroPoint: second.quantization.zeroPoint, firstScale: first.quantization.scale,
            secondScale: second.quantization.scale, resultScale: target.quantization.scale)
        return GraphNode(
            operation: .quantized(.binary(arithmetic, to: target.quantization.type, target.range)), activation: .none,
            inputs: [first.value, second.value], output: target.output, name: target.name)
    }

    /// An operand as bytes: a dequantized value, or a constant that was stored as bytes with one scale.
    private static func operand(
        _ value: ValueID?, _ values: QuantizedValues, _ graph: inout Graph
    ) -> QuantizedValue? {
        if let known = values.dequantized(value, in: graph) { return known }
        guard let value, let origin = graph[value].origin, origin.scales.count == 1,
            origin.stored.elementType == .int8 || origin.stored.elementType == .uint8
        else { return nil }
        return QuantizedValue(
            value: graph.addConstant(origin.stored, name: graph[value].name),
            quantization: ByteQuantization(
                scale: origin.scales[0], zeroPoint: Int(origin.zeroPoints[0]), type: origin.stored.elementType),
            parameters: [])
    }

    // MARK: - Averages

    private static func averaged(
        _ node: GraphNode, _ window: SpatialWindow, _ order: ChannelOrder, _ countsPadding: Bool, _ target: Target,
        _ values: QuantizedValues, _ graph: Graph
    ) -> GraphNode? {
        guard let source = values.dequantized(node.inputs[0], in: graph) else { return nil }
        let average = ByteAverage(
            countsPadding: countsPadding, zeroPoint: source.quantization.zeroPoint, scale: source.quantization.scale,
            resultScale: target.quantization.scale)
        let operation = QuantizedOperation.averagePool(
            window, order, average, to: target.quantization.type, target.range)
        return GraphNode(
            operation: .quantized(operation), activation: .none, inputs: [source.value], output: target.output,
            name: target.name)
    }

    /// A mean over the spatial axes of channels-first images is a pool over all of them.
    private static func mean(
        _ node: GraphNode, _ axes: [Int], _ target: Target, _ values: QuantizedValues, _ graph: inout Graph
    ) throws(ShapeError) -> [GraphNode]? {
        guard case let input?? = node.inputs.first else { return nil }
        let shape = graph.shape(input)
        guard (3...4).contains(shape.count), axes == Array(2..<shape.count) else { return nil }
        let space = Array(shape.dropFirst(2))
        guard space.allSatisfy({ $0 <= ImageLimits.window }) else { return nil }
        let ones = space.map { _ in 1 }
        let zeros = space.map { _ in 0 }
        let window = SpatialWindow(
            kernel: space, strides: ones, dilations: ones, padsBefore: zeros, padsAfter: zeros, output: ones)
        guard var pooled = averaged(node, window, .first, false, target, values, graph) else { return nil }
        pooled.output = graph.addValue(
            GraphValue(
                name: node.name, elementType: target.quantization.type, shape: Array(shape.prefix(2)) + ones,
                constant: nil))
        let reshaped = GraphNode(
            operation: .reshape(graph.shape(target.output)), activation: .none, inputs: [pooled.output],
            output: target.output, name: node.name)
        return [pooled, reshaped]
    }
}

/// Weights, biases and factors of an integer convolution or dense layer.
struct IntegerFilters {
    /// int8, of the float weights' shape.
    let weights: Constant
    /// int32, with the correction for the input's zero point.
    let bias: Constant
    let factors: Constant

    /// - Parameters:
    ///   - weights: Where the float weights come from.
    ///   - bias: The float biases; they are rounded to multiples of input scale times weight scale.
    ///   - axis: The axis of the weights along which the filters lie.
    /// - Returns: nil when the weights do not fit int8 around 0, are scaled along another axis, or a sum might not fit
    ///   32 bits.
    init?(
        weights origin: QuantizedConstant?, bias: Constant?, axis: Int, input: ByteQuantization,
        output: ByteQuantization
    ) {
        guard let origin, let stored = origin.centred, origin.scales.count == 1 || origin.axis == axis else {
            return nil
        }
        let shape = origin.stored.shape
        let filters = shape[axis]
        let products = stored.count / filters
        guard products <= 1 << 16 else { return nil }
        let inner = shape.dropFirst(axis + 1).reduce(1, *)
        var sums = [Int64](repeating: 0, count: filters)
        for (index, weight) in stored.enumerated() { sums[index / inner % filters] += Int64(weight) }
        var biases: [Int64] = []
        var factors: [Float] = []
        for filter in 0..<filters {
            let scale = origin.scales[origin.scales.count == 1 ? 0 : filter]
            let factor = input.scale * scale / output.scale
            let real = Double(bias?.floats?[filter] ?? 0) / (Double(input.scale) * Double(scale))
            guard factor.isFinite, real.magnitude < 2_147_483_648 else { return nil }
            let corrected = Int64(real.rounded(.toNearestOrEven)) - Int64(input.zeroPoint) * sums[filter]
            guard corrected.magnitude < 1 << 31 - 1 - UInt64(products) * 255 * 128 else { return nil }
            biases.append(corrected)
            factors.append(factor)
        }
        weights = Constant(integers: stored.map { Int64($0) }, shape: shape, elementType: .int8)
        self.bias = Constant(integers: biases, shape: [filters], elementType: .int32)
        self.factors = Constant(floats: factors, shape: [filters])
    }
}
