/// Writes a graph step by step: each call appends a node and returns the name of the value that it gives.
///
/// ```swift
/// var builder = ONNXGraphBuilder(name: "classifier")
/// let frame = builder.input("frame", dims: ["N", 6])
/// let hidden = builder.relu(builder.gemm(frame, weights: w, rows: 16, columns: 6, bias: b))
/// builder.output(builder.softmax(hidden), name: "probabilities", dims: ["N", 16])
/// let bytes = builder.model(producer: "trainer").serialized()
/// ```
/// Operators are those of operator set 17 (ONNX 1.12), which every current runtime reads.
public struct ONNXGraphBuilder: Sendable {
    /// The operator set that the nodes mean.
    public static let operatorSetVersion: Int64 = 17

    /// What has been built so far.
    public private(set) var graph: ONNXGraph
    private var serial = 0

    /// Starts an empty graph.
    public init(name: String) {
        graph = ONNXGraph(name: name)
    }

    /// The graph as a model; `metadata` becomes its `metadata_props`.
    public func model(producer: String, version: String = "", metadata: [ONNXMetadata] = []) -> ONNXModel {
        ONNXModel(
            irVersion: 8, operatorSets: [ONNXOperatorSet(version: Self.operatorSetVersion)], producerName: producer,
            producerVersion: version, metadata: metadata, graph: graph)
    }

    // MARK: - Values

    /// Declares a value that the caller gives.
    public mutating func input(
        _ name: String, elementType: ONNXElementType = .float, dims: [ONNXDimension]
    ) -> String {
        graph.inputs.append(ONNXValueInfo(name: name, elementType: elementType, dims: dims))
        return name
    }

    /// Declares a value that the caller gets: `value` under the name `name`.
    public mutating func output(
        _ value: String, name: String, elementType: ONNXElementType = .float, dims: [ONNXDimension]
    ) {
        rename(value, to: name)
        graph.outputs.append(ONNXValueInfo(name: name, elementType: elementType, dims: dims))
    }

    /// Adds a constant.
    public mutating func constant(_ tensor: ONNXTensor) -> String {
        var named = tensor
        if named.name.isEmpty { named.name = unusedName("constant") }
        graph.initializers.append(named)
        return named.name
    }

    // MARK: - Nodes

    /// Adds any node with one output.
    public mutating func node(_ operatorType: String, _ inputs: [String], _ attributes: [ONNXAttribute] = []) -> String
    {
        let output = unusedName(operatorType.lowercased())
        graph.nodes.append(
            ONNXNode(operatorType, name: "\(output)_node", inputs: inputs, outputs: [output], attributes: attributes))
        return output
    }

    private mutating func unusedName(_ stem: String) -> String {
        serial += 1
        return "\(stem)_\(serial)"
    }

    /// Gives the value another name everywhere; a value that no node gives is copied by an `Identity`.
    private mutating func rename(_ value: String, to name: String) {
        guard value != name else { return }
        guard graph.nodes.contains(where: { $0.outputs.contains(value) }),
            !graph.outputs.contains(where: { $0.name == value })
        else {
            graph.nodes.append(ONNXNode("Identity", name: "\(name)_node", inputs: [value], outputs: [name]))
            return
        }
        for index in graph.nodes.indices {
            graph.nodes[index].inputs = graph.nodes[index].inputs.map { $0 == value ? name : $0 }
            graph.nodes[index].outputs = graph.nodes[index].outputs.map { $0 == value ? name : $0 }
        }
    }
}
