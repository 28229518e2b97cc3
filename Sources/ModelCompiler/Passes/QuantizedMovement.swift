import ModelImage

/// Lets bytes be moved instead of floats: dequantizing sinks below movement and maxima, quantizing rises above it.
/// What meets becomes nothing, or a table of 256 entries together with the functions of one element in between.
enum QuantizedMovement {
    static func run(_ graph: inout Graph) throws(ShapeError) -> Int {
        var nodes: [GraphNode] = []
        var changes = 0
        var values = QuantizedValues(graph)
        for node in graph.nodes {
            let rewritten = try rewritten(node, values, &graph)
            if rewritten != nil { changes += 1 }
            for node in rewritten ?? [node] {
                values.add(node)
                nodes.append(node)
            }
        }
        graph.nodes = nodes
        return changes
    }

    private static func rewritten(
        _ node: GraphNode, _ values: QuantizedValues, _ graph: inout Graph
    ) throws(ShapeError) -> [GraphNode]? {
        guard let quantization = QuantizedValues.quantization(of: node, in: graph) else {
            return try sunk(node, values, &graph)
        }
        if let node = try lookup(node, quantization, values, &graph) { return [node] }
        return try risen(node, values, &graph)
    }

    /// `move(dequantize(x))` becomes `dequantize(move(x))`.
    private static func sunk(
        _ node: GraphNode, _ values: QuantizedValues, _ graph: inout Graph
    ) throws(ShapeError) -> [GraphNode]? {
        guard node.operation.keepsOrder, node.activation == .none else { return nil }
        var sources: [ValueID?] = []
        var origin: QuantizedValue?
        for input in node.inputs {
            guard let source = values.dequantized(input, in: graph),
                origin.map({ $0.quantization == source.quantization }) ?? true
            else { return nil }
            sources.append(source.value)
            origin = source
        }
        guard let origin else { return nil }
        let moved = try graph.makeNode(node.operation, inputs: sources, name: node.name)
        let restored = GraphNode(
            operation: .quantized(.dequantize(axis: 0)), activation: .none,
            inputs: [moved.output] + origin.parameters, output: node.output, name: node.name)
        return [moved, restored]
    }

    /// `quantize(move(x))` becomes `move(quantize(x))` where nobody else reads the moved floats.
    private static func risen(
        _ node: GraphNode, _ values: QuantizedValues, _ graph: inout Graph
    ) throws(ShapeError) -> [GraphNode]? {
        guard case let input?? = node.inputs.first, let movement = values.onlyRead(input) else { return nil }
        switch movement.operation {
        case .reshape, .transpose, .concat: break
        default: return nil
        }
        var result: [GraphNode] = []
        for source in movement.inputs {
            let quantized = try graph.makeNode(
                node.operation, inputs: [source] + node.inputs.dropFirst(), name: node.name)
            result.append(quantized)
        }
        var moved = movement
        moved.inputs = result.map(\.output)
        moved.output = node.output
        return result + [moved]
    }

    /// `quantize(f(dequantize(x)))` becomes a table, or `x` itself where the table changes nothing.
    private static func lookup(
        _ node: GraphNode, _ quantization: ByteQuantization, _ values: QuantizedValues, _ graph: inout Graph
    ) throws(ShapeError) -> GraphNode? {
        var functions: [Activation] = []
        guard case var value?? = node.inputs.first else { return nil }
        while let function = values.onlyRead(value), function.operation == .unary,
            case let input?? = function.inputs.first
        {
            functions.append(function.activation)
            value = input
        }
        guard let source = values.dequantized(value, in: graph), graph.constant(source.value) == nil else { return nil }
        let inputs = source.quantization.range.map { code in
            Float(code - source.quantization.zeroPoint) * source.quantization.scale
        }
        var results = Constant(floats: inputs, shape: [256])
        for function in functions.reversed() {
            guard let mapped = ConstantFolding.result(of: function, over: results) else { return nil }
            results = mapped
        }
        let table = (results.floats ?? []).map { quantization.stored($0) }
        let shape = graph.shape(node.output)
        if source.quantization.type == quantization.type, table == source.quantization.range.map({ Int64($0) }) {
            return GraphNode(
                operation: .reshape(shape), activation: .none, inputs: [source.value], output: node.output,
                name: node.name)
        }
        let constant = graph.addConstant(
            Constant(integers: table, shape: [256], elementType: quantization.type), name: "\(node.name).table")
        return GraphNode(
            operation: .quantized(.lookup(to: quantization.type)), activation: .none,
            inputs: [source.value, constant], output: node.output, name: node.name)
    }
}

extension GraphOperation {
    /// True for operations whose results are some of their operands' elements, whatever increasing function is
    /// applied to all of them.
    fileprivate var keepsOrder: Bool {
        switch self {
        case .reshape, .transpose, .concat, .slice, .pool(.maximum, _, _): true
        default: false
        }
    }
}

/// A value of bytes with what they mean.
struct QuantizedValue {
    let value: ValueID
    let quantization: ByteQuantization
    /// The constants that hold scale and zero point.
    let parameters: [ValueID?]
}

/// What passes ask about the nodes so far: which floats are dequantized bytes, and who reads what.
struct QuantizedValues {
    private var producers: [ValueID: GraphNode] = [:]
    private let readers: [[Int]]
    private let outputs: Set<ValueID>

    init(_ graph: Graph) {
        readers = graph.readers()
        outputs = Set(graph.outputs.map(\.value))
    }

    /// Nodes are added in order.
    mutating func add(_ node: GraphNode) { producers[node.output] = node }

    /// The node that gives a value which one other node reads, and the caller does not.
    func onlyRead(_ value: ValueID) -> GraphNode? {
        // Values that a pass has made are not counted yet: they wait for the next round.
        guard value.index < readers.count, readers[value.index].count == 1, !outputs.contains(value) else { return nil }
        return producers[value]
    }

    /// The bytes of which a float value is made, if one scale holds for all of them.
    func dequantized(_ value: ValueID?, in graph: Graph) -> QuantizedValue? {
        guard let value, let node = producers[value], case .quantized(.dequantize) = node.operation,
            case let source?? = node.inputs.first,
            let quantization = Self.parameters(of: node, type: graph[source].elementType, in: graph)
        else { return nil }
        return QuantizedValue(value: source, quantization: quantization, parameters: Array(node.inputs.dropFirst()))
    }

    /// What a node quantizes to, if it does and one scale holds for all elements.
    static func quantization(of node: GraphNode, in graph: Graph) -> ByteQuantization? {
        guard case .quantized(.quantize(let type, _)) = node.operation else { return nil }
        return parameters(of: node, type: type, in: graph)
    }

    private static func parameters(of node: GraphNode, type: ElementType, in graph: Graph) -> ByteQuantization? {
        guard node.inputs.count == 3, let scales = graph.constant(node.inputs[1])?.floats, scales.count == 1,
            let zeroPoints = graph.constant(node.inputs[2])?.integers, zeroPoints.count == 1
        else { return nil }
        return ByteQuantization(scale: scales[0], zeroPoint: Int(zeroPoints[0]), type: type)
    }
}
