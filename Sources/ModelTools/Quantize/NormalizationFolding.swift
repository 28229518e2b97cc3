import ONNXFormat

/// BatchNormalization behind a convolution goes into its weights before they are quantized: afterwards it could not.
enum NormalizationFolding {
    static func fold(_ model: ONNXModel) -> ONNXModel {
        var graph = model.graph
        let constants = GraphConstants(graph)
        var readers: [String: Int] = [:]
        for name in graph.nodes.flatMap(\.inputs) + graph.outputs.map(\.name) { readers[name, default: 0] += 1 }
        var producers: [String: Int] = [:]
        var removed: Set<Int> = []
        for (index, node) in graph.nodes.enumerated() {
            if node.operatorType == "BatchNormalization", let input = node.inputs.first, readers[input] == 1,
                let producer = producers[input], graph.nodes[producer].operatorType == "Conv",
                fold(node, into: producer, constants, &graph)
            {
                removed.insert(index)
                producers[node.outputs[0]] = producer
            } else {
                for output in node.outputs { producers[output] = index }
            }
        }
        graph.nodes = graph.nodes.enumerated().filter { !removed.contains($0.offset) }.map(\.element)
        var folded = model
        folded.graph = graph
        return folded
    }

    /// `((w·x + b) − mean) · scale / √(variance + ε) + shift` as a convolution; false when something is not constant.
    private static func fold(
        _ node: ONNXNode, into producer: Int, _ constants: GraphConstants, _ graph: inout ONNXGraph
    ) -> Bool {
        let convolution = graph.nodes[producer]
        guard node.inputs.count == 5, node.outputs.filter({ !$0.isEmpty }).count == 1,
            let weights = constants[convolution.inputs[1]], let values = constants.floats(convolution.inputs[1]),
            let scale = constants.floats(node.inputs[1]), let shift = constants.floats(node.inputs[2]),
            let mean = constants.floats(node.inputs[3]), let variance = constants.floats(node.inputs[4])
        else { return false }
        var bias = [Float](repeating: 0, count: scale.count)
        if convolution.inputs.count > 2, !convolution.inputs[2].isEmpty {
            guard let known = constants.floats(convolution.inputs[2]) else { return false }
            bias = known
        }
        var epsilon: Float = 1e-5
        if case .float(let value)? = node.attribute("epsilon") { epsilon = value }
        let count = scale.count
        guard weights.dims.first == count, [bias, shift, mean, variance].allSatisfy({ $0.count == count }) else {
            return false
        }
        let factors = (0..<count).map { scale[$0] / (variance[$0] + epsilon).squareRoot() }
        let inner = values.count / max(1, count)
        let name = node.outputs[0]
        graph.initializers.append(
            ONNXTensor(
                name: "\(name)/weights", dims: weights.dims,
                floats: values.enumerated().map { $1 * factors[$0 / inner] }))
        graph.initializers.append(
            ONNXTensor(
                name: "\(name)/bias", dims: [count],
                floats: (0..<count).map { (bias[$0] - mean[$0]) * factors[$0] + shift[$0] }))
        graph.nodes[producer].inputs = [convolution.inputs[0], "\(name)/weights", "\(name)/bias"]
        graph.nodes[producer].outputs = [name]
        return true
    }
}
