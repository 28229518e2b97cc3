import ONNXFormat

/// Writes a graph with its values and weights quantized, as pairs of QuantizeLinear and DequantizeLinear.
struct QuantizedGraph {
    private var graph: ONNXGraph
    private let constants: GraphConstants
    private let scales: [String: ByteScale]
    private var nodes: [ONNXNode] = []
    /// Inputs of the model go to their readers by another name.
    private var renamed: [String: String] = [:]

    private init(_ graph: ONNXGraph, _ scales: [String: ByteScale]) {
        self.graph = graph
        self.scales = scales
        constants = GraphConstants(graph)
    }

    /// The model with the plan's values quantized by `scales`.
    static func write(_ model: ONNXModel, _ plan: QuantizationPlan, _ scales: [String: ByteScale]) -> ONNXModel {
        var writer = QuantizedGraph(model.graph, scales)
        for input in model.graph.inputs where scales[input.name] != nil {
            writer.quantize(input.name, from: input.name, to: "\(input.name)/dequantized")
            writer.renamed[input.name] = "\(input.name)/dequantized"
        }
        for (index, node) in model.graph.nodes.enumerated() {
            writer.add(node, isLayer: plan.layers.contains(index))
        }
        return writer.finish(model)
    }

    /// The model with only its weights stored in fewer bits.
    static func writeWeights(_ model: ONNXModel, _ plan: QuantizationPlan, as storage: WeightStorage) -> ONNXModel {
        var writer = QuantizedGraph(model.graph, [:])
        for (index, node) in model.graph.nodes.enumerated() {
            var node = node
            if plan.layers.contains(index) {
                let stored =
                    switch storage {
                    case .int8: writer.quantizedWeights(of: node, biases: nil, inputScale: 1)?.name
                    case .float16: writer.halvedWeights(of: node)
                    }
                node.inputs[1] = stored ?? node.inputs[1]
            }
            writer.nodes.append(node)
        }
        return writer.finish(model)
    }

    private mutating func add(_ node: ONNXNode, isLayer: Bool) {
        var node = node
        let source = node.inputs.first.flatMap { scales[$0] }
        if isLayer, let source { quantizeParameters(of: &node, inputScale: source.scale) }
        node.inputs = node.inputs.map { renamed[$0] ?? $0 }
        let results = node.outputs.filter { scales[$0] != nil }
        node.outputs = node.outputs.map { scales[$0] == nil ? $0 : "\($0)/float" }
        nodes.append(node)
        for result in results { quantize(result, from: "\(result)/float", to: result) }
    }

    /// Appends quantize and dequantize.
    private mutating func quantize(_ value: String, from: String, to: String) {
        guard let scale = scales[value] else { return }
        let parameters = ["\(value)/scale", "\(value)/zero"]
        graph.initializers.append(ONNXTensor(name: parameters[0], dims: [], floats: [scale.scale]))
        graph.initializers.append(ONNXTensor(name: parameters[1], dims: [], int8s: [scale.zeroPoint]))
        nodes.append(
            ONNXNode(
                "QuantizeLinear", name: "\(value)/quantize", inputs: [from] + parameters, outputs: ["\(value)/stored"]))
        nodes.append(
            ONNXNode(
                "DequantizeLinear", name: "\(value)/dequantize", inputs: ["\(value)/stored"] + parameters,
                outputs: [to]))
    }

    /// Weights become int8, a constant bias int32 in units of input scale times weight scale.
    private mutating func quantizeParameters(of node: inout ONNXNode, inputScale: Float) {
        let filters = QuantizationPlan.weights(of: node, constants).map { constants[$0.name]?.dims[$0.axis] ?? 0 }
        var biases: [Float]?
        if node.operatorType != "MatMul", node.inputs.count > 2, let known = constants.floats(node.inputs[2]),
            known.count == filters
        {
            biases = known
        }
        guard let weights = quantizedWeights(of: node, biases: biases, inputScale: inputScale) else { return }
        node.inputs[1] = weights.name
        guard let biases, !scalesProduct(node) else { return }
        let name = "\(node.outputs[0])/bias/quantized"
        let units = weights.scales.map { $0 * inputScale }
        let stored = zip(biases, units).map { Int32(max(-0x1p30, min(0x1p30, ($0 / $1).rounded(.toNearestOrEven)))) }
        graph.initializers.append(ONNXTensor(name: "\(name)/stored", dims: [stored.count], int32s: stored))
        graph.initializers.append(ONNXTensor(name: "\(name)/scale", dims: [units.count], floats: units))
        nodes.append(
            ONNXNode(
                "DequantizeLinear", name: "\(name)/dequantize", inputs: ["\(name)/stored", "\(name)/scale"],
                outputs: [name], attributes: [ONNXAttribute("axis", .int(0))]))
        node.inputs[2] = name
    }

    /// True when a Gemm multiplies its bias by something.
    private func scalesProduct(_ node: ONNXNode) -> Bool {
        if case .float(let beta)? = node.attribute("beta") { return beta != 1 }
        return false
    }

    private mutating func quantizedWeights(
        of node: ONNXNode, biases: [Float]?, inputScale: Float
    ) -> (name: String, scales: [Float])? {
        guard let (source, axis) = QuantizationPlan.weights(of: node, constants), let tensor = constants[source],
            let values = constants.floats(source), values.allSatisfy(\.isFinite)
        else { return nil }
        let weights = QuantizedWeights(
            values, shape: tensor.dims, axis: axis, biases: biases, inputScale: inputScale)
        let name = "\(node.outputs[0])/weights/quantized"
        let zeros = [Int8](repeating: 0, count: weights.scales.count)
        graph.initializers.append(ONNXTensor(name: "\(name)/stored", dims: tensor.dims, int8s: weights.stored))
        graph.initializers.append(ONNXTensor(name: "\(name)/scale", dims: [zeros.count], floats: weights.scales))
        graph.initializers.append(ONNXTensor(name: "\(name)/zero", dims: [zeros.count], int8s: zeros))
        nodes.append(
            ONNXNode(
                "DequantizeLinear", name: "\(name)/dequantize",
                inputs: ["\(name)/stored", "\(name)/scale", "\(name)/zero"], outputs: [name],
                attributes: [ONNXAttribute("axis", .int(Int64(axis)))]))
        return (name, weights.scales)
    }

    /// Appends weights in half precision and the cast that makes them float32; nil where they do not fit.
    private mutating func halvedWeights(of node: ONNXNode) -> String? {
        guard let (source, _) = QuantizationPlan.weights(of: node, constants), let tensor = constants[source],
            let values = constants.floats(source), values.allSatisfy({ $0.magnitude <= ONNXTensor.largestHalf })
        else { return nil }
        let name = "\(node.outputs[0])/weights/half"
        graph.initializers.append(ONNXTensor(name: "\(name)/stored", dims: tensor.dims, halves: values))
        nodes.append(
            ONNXNode(
                "Cast", name: "\(name)/cast", inputs: ["\(name)/stored"], outputs: [name],
                attributes: [ONNXAttribute("to", .int(Int64(ONNXElementType.float.rawValue)))]))
        return name
    }

    /// Leaves out constants that nobody reads any more.
    private func finish(_ model: ONNXModel) -> ONNXModel {
        var written = model
        written.graph = graph
        written.graph.nodes = nodes
        // What was known about values inside the graph may have other names now.
        written.graph.valueInfo = []
        let read = Set(nodes.flatMap(\.inputs) + graph.outputs.map(\.name))
        written.graph.initializers.removeAll { !read.contains($0.name) }
        written.graph.inputs.removeAll { input in
            constants[input.name] != nil && !read.contains(input.name)
        }
        written.producerName = "martlet model quantize"
        return written
    }
}
