import ModelImage

/// `dense(flatten(transpose(x)))` becomes `dense′(flatten(x))` with the rows of the weights in another order: the usual
/// step from convolutions to a classifier costs nothing.
enum TransposeIntoDense {
    static func run(_ graph: inout Graph) throws(ShapeError) -> Int {
        var nodes: [GraphNode] = []
        let producers = graph.producers()
        for node in graph.nodes { nodes += try absorb(node, producers, &graph) ?? [node] }
        let changes = nodes.count - graph.nodes.count
        graph.nodes = nodes
        return changes
    }

    /// A reshape of the untransposed operand and the dense layer on it; `nil` when the node is no such layer.
    private static func absorb(
        _ node: GraphNode, _ producers: [Int?], _ graph: inout Graph
    ) throws(ShapeError) -> [GraphNode]? {
        guard node.operation.isDense, case let flat?? = node.inputs.first,
            let reshape = producers[flat.index].map({ graph.nodes[$0] }), case .reshape(let target) = reshape.operation,
            case let ordered?? = reshape.inputs.first,
            let transpose = producers[ordered.index].map({ graph.nodes[$0] }),
            case .transpose(let permutation) = transpose.operation, case let source?? = transpose.inputs.first,
            let weights = graph.constant(node.inputs[1])
        else { return nil }
        let shape = graph.shape(ordered)
        // Only a flattening of everything behind the batch keeps rows and batch apart.
        guard permutation.first == 0, target.count == 2, target[0] == shape[0], shape.count > 1 else { return nil }
        let columns = weights.shape[1]
        // The rows' axes in the old order, then the columns.
        let unfolded = weights.reshaped(Array(shape.dropFirst()) + [columns])
        var inverse = permutation
        for (axis, origin) in permutation.enumerated() { inverse[origin] = axis }
        let rows = inverse.dropFirst().map { $0 - 1 }
        let reordered = unfolded.transposed(rows + [rows.count])
        let name = graph[node.output].name
        let direct = try graph.makeNode(.reshape(target), inputs: [source], name: "\(name).flat")
        let constant = graph.addConstant(reordered.reshaped(weights.shape), name: "\(name).weights")
        var layer = node
        layer.inputs = [direct.output, constant] + node.inputs.dropFirst(2)
        return [direct, layer]
    }
}
