import ModelImage

/// `dense(flatten(transpose(x)))` becomes `dense′(flatten(x))` with the rows of the weights in another order: the usual
/// step from convolutions to a classifier costs nothing.
enum TransposeIntoDense {
    static func run(_ graph: inout Graph) throws(ShapeError) -> Int {
        var changes = 0
        var index = 0
        while index < graph.nodes.count {
            if try absorb(at: index, &graph) {
                changes += 1
                index += 1
            }
            index += 1
        }
        return changes
    }

    private static func absorb(at index: Int, _ graph: inout Graph) throws(ShapeError) -> Bool {
        let node = graph.nodes[index]
        let producers = graph.producers()
        guard node.operation == .dense, case let flat?? = node.inputs.first,
            let reshape = producers[flat.index].map({ graph.nodes[$0] }), case .reshape(let target) = reshape.operation,
            case let ordered?? = reshape.inputs.first,
            let transpose = producers[ordered.index].map({ graph.nodes[$0] }),
            case .transpose(let permutation) = transpose.operation, case let source?? = transpose.inputs.first,
            let weights = graph.constant(node.inputs[1])
        else { return false }
        let shape = graph.shape(ordered)
        // Only a flattening of everything behind the batch keeps rows and batch apart.
        guard permutation.first == 0, target.count == 2, target[0] == shape[0], shape.count > 1 else { return false }
        let columns = weights.shape[1]
        // The rows' axes in the old order, then the columns.
        let unfolded = weights.reshaped(Array(shape.dropFirst()) + [columns])
        var inverse = permutation
        for (axis, origin) in permutation.enumerated() { inverse[origin] = axis }
        let rows = inverse.dropFirst().map { $0 - 1 }
        let moved = rows.map { unfolded.shape[$0] } + [columns]
        guard
            let reordered = ConstantEvaluator.evaluate(
                .transpose(rows + [rows.count]), .none, [unfolded], shape: moved)
        else { return false }
        let name = graph[node.output].name
        let direct = try graph.insert(.reshape(target), inputs: [source], name: "\(name).flat", at: index)
        let constant = graph.addConstant(reordered.reshaped(weights.shape), name: "\(name).weights")
        graph.nodes[index + 1].inputs = [direct, constant] + node.inputs.dropFirst(2)
        return true
    }
}
