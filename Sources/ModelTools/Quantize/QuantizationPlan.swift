import ONNXFormat

/// Which values of a graph become bytes.
///
/// What a node of a quantizable operator reads and gives is quantized, but for what lies between a layer and the
/// `Relu` or `Clip` that alone reads it: the two become one kernel. Movement keeps its operand's scale.
struct QuantizationPlan {
    /// Values to quantize, in the order in which they are computed.
    private(set) var values: [String] = []
    /// Values that take the scale of another.
    private(set) var sameAs: [String: String] = [:]
    /// Nodes whose constant weights become int8.
    private(set) var layers: Set<Int> = []

    static let layerTypes: Set<String> = ["Conv", "Gemm", "MatMul"]
    private static let pairTypes: Set<String> = ["Add", "Sub", "Mul"]
    private static let functionTypes: Set<String> = [
        "Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh", "HardSwish", "HardSigmoid", "Elu", "AveragePool",
        "GlobalAveragePool", "Concat",
    ]
    private static let movementTypes: Set<String> = [
        "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "MaxPool", "GlobalMaxPool", "Identity", "Dropout",
    ]

    init(_ graph: ONNXGraph) {
        let constants = GraphConstants(graph)
        var readers: [String: [Int]] = [:]
        for (index, node) in graph.nodes.enumerated() {
            for input in node.inputs { readers[input, default: []].append(index) }
        }
        let outputs = Set(graph.outputs.map(\.name))
        /// The `Relu` or `Clip` that alone reads a value.
        func activation(behind value: String) -> ONNXNode? {
            guard let places = readers[value], places.count == 1, !outputs.contains(value) else { return nil }
            let node = graph.nodes[places[0]]
            return ["Relu", "Clip"].contains(node.operatorType) && node.inputs.first == value ? node : nil
        }
        var known: Set<String> = []
        for (index, node) in graph.nodes.enumerated() where node.domain.isEmpty || node.domain == "ai.onnx" {
            guard let first = node.inputs.first, let output = node.outputs.first else { continue }
            let isLayer = Self.layerTypes.contains(node.operatorType) && Self.weights(of: node, constants) != nil
            let isPair = Self.pairTypes.contains(node.operatorType)
            let isMovement = Self.movementTypes.contains(node.operatorType)
            guard isLayer || isPair || isMovement || Self.functionTypes.contains(node.operatorType) else { continue }
            if isLayer { layers.insert(index) }
            // Movement of what nobody quantizes is left alone.
            if isMovement, !known.contains(first) { continue }
            if isMovement { sameAs[output] = first }
            let operands = isPair || node.operatorType == "Concat" ? node.inputs : [first]
            for operand in operands where constants[operand] == nil && !operand.isEmpty {
                if known.insert(operand).inserted { values.append(operand) }
            }
            guard !(isLayer || isPair) || activation(behind: output) == nil else { continue }
            if known.insert(output).inserted { values.append(output) }
        }
        // An activation that was fused reads what is no value to quantize.
        let fused = Set(
            graph.nodes.filter { Self.layerTypes.union(Self.pairTypes).contains($0.operatorType) }
                .compactMap { node in node.outputs.first.flatMap { activation(behind: $0) == nil ? nil : $0 } })
        values.removeAll { fused.contains($0) }
    }

    /// The weights' name and the axis of their filters; nil when they are not constant floats of a fitting rank.
    static func weights(of node: ONNXNode, _ constants: GraphConstants) -> (name: String, axis: Int)? {
        guard node.inputs.count > 1, let tensor = constants[node.inputs[1]], constants[node.inputs[0]] == nil,
            tensor.elementType == .float
        else { return nil }
        switch node.operatorType {
        case "Conv": return tensor.dims.count > 2 ? (node.inputs[1], 0) : nil
        case "Gemm":
            var isTransposed = false
            if case .int(let flag)? = node.attribute("transB") { isTransposed = flag != 0 }
            return tensor.dims.count == 2 ? (node.inputs[1], isTransposed ? 0 : 1) : nil
        default: return tensor.dims.count == 2 ? (node.inputs[1], 1) : nil
        }
    }
}
