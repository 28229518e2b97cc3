import ModelImage

/// Folds a scale and shift per channel behind a convolution or dense layer into its weights and bias: a
/// BatchNormalization, or arithmetic with a constant that is the same all over a channel.
///
/// `(W·x + b)·s + t = (s·W)·x + (s·b + t)`
enum AffineFolding {
    /// What is done to each channel.
    private struct Affine {
        var scale: [Float]
        var shift: [Float]
    }

    static func run(_ graph: inout Graph) -> Int {
        let readers = graph.readers()
        var removed: Set<Int> = []
        for index in graph.nodes.indices {
            while let reader = fold(at: index, readers, &graph) { removed.insert(reader) }
        }
        graph.removeNodes(removed)
        return removed.count
    }

    /// Folds the only reader of node `index` into it; the reader's place, from which it is to be removed.
    private static func fold(at index: Int, _ readers: [[Int]], _ graph: inout Graph) -> Int? {
        let node = graph.nodes[index]
        // What has been added to the result already would have to be scaled too.
        guard node.activation == .none, node.inputs.count <= 3, let axis = channelAxis(node, in: graph),
            !graph.isOutput(node.output)
        else { return nil }
        let readers = readers[node.output.index]
        guard readers.count == 1, let reader = readers.first,
            let affine = affine(graph.nodes[reader], of: node.output, axis: axis, in: graph),
            let weights = graph.constant(node.inputs[1])
        else { return nil }
        let bias = node.inputs.count > 2 ? graph.constant(node.inputs[2])?.floats : nil
        let newBias = affine.shift.indices.map { (bias?[$0] ?? 0) * affine.scale[$0] + affine.shift[$0] }
        guard let scaled = scaled(weights, by: affine.scale, node.operation) else { return nil }
        let name = graph[node.output].name
        let folded = graph.nodes[reader]
        graph.nodes[index].inputs = [
            node.inputs[0], graph.addConstant(scaled, name: "\(name).weights"),
            graph.addConstant(Constant(floats: newBias, shape: [newBias.count]), name: "\(name).bias"),
        ]
        graph.nodes[index].output = folded.output
        graph.nodes[index].activation = folded.activation
        return reader
    }

    /// The axis of the result along which each weight row or column stands for one channel.
    private static func channelAxis(_ node: GraphNode, in graph: Graph) -> Int? {
        let rank = graph.shape(node.output).count
        switch node.operation {
        case .dense: return rank - 1
        case .convolution(_, _, let order): return order == .first ? 1 : rank - 1
        default: return nil
        }
    }

    /// What `reader` does to each channel of `value`, or `nil` when it is something else.
    private static func affine(_ reader: GraphNode, of value: ValueID, axis: Int, in graph: Graph) -> Affine? {
        let shape = graph.shape(value)
        let channels = shape[axis]
        let ones = [Float](repeating: 1, count: channels)
        let zeros = [Float](repeating: 0, count: channels)
        switch reader.operation {
        case .affine(axis):
            guard let scale = graph.constant(reader.inputs[1])?.floats,
                let shift = graph.constant(reader.inputs[2])?.floats
            else { return nil }
            return Affine(scale: scale, shift: shift)
        case .binary(let function):
            let isLeft = reader.inputs[0] == value
            guard graph.shape(reader.output) == shape, let other = graph.constant(reader.inputs[isLeft ? 1 : 0]),
                let values = perChannel(other, axis: axis, shape: shape)
            else { return nil }
            switch (function, isLeft) {
            case (.add, _): return Affine(scale: ones, shift: values)
            case (.subtract, true): return Affine(scale: ones, shift: values.map { -$0 })
            case (.subtract, false): return Affine(scale: ones.map { -$0 }, shift: values)
            case (.multiply, _): return Affine(scale: values, shift: zeros)
            case (.divide, true): return Affine(scale: values.map { 1 / $0 }, shift: zeros)
            default: return nil
            }
        default: return nil
        }
    }

    /// The constant as one number per channel, or `nil` when it varies along another axis.
    private static func perChannel(_ constant: Constant, axis: Int, shape: [Int]) -> [Float]? {
        guard let values = constant.floats, constant.shape.count <= shape.count else { return nil }
        let aligned = Extents.padded(constant.shape, rank: shape.count)
        guard aligned.indices.allSatisfy({ $0 == axis || aligned[$0] == 1 }) else { return nil }
        return values.count == 1 ? [Float](repeating: values[0], count: shape[axis]) : values
    }

    /// Weights with every channel's share multiplied by its factor.
    private static func scaled(_ weights: Constant, by scale: [Float], _ operation: GraphOperation) -> Constant? {
        guard let values = weights.floats else { return nil }
        let perFilter = weights.shape.dropFirst().reduce(1, *)
        let isDense = operation == .dense
        let result = values.indices.map { values[$0] * scale[isDense ? $0 % scale.count : $0 / perFilter] }
        return Constant(floats: result, shape: weights.shape)
    }
}
