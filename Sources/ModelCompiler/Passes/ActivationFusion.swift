import ModelImage

/// Lets an operation apply the activation behind it to its own result, while that is still in registers.
enum ActivationFusion {
    static func run(_ graph: inout Graph) -> Int {
        let readers = graph.readers()
        var removed: Set<Int> = []
        for index in graph.nodes.indices {
            let node = graph.nodes[index]
            guard node.operation.takesActivation, node.activation == .none, !graph.isOutput(node.output),
                readers[node.output.index].count == 1, let reader = readers[node.output.index].first,
                graph.nodes[reader].operation == .unary
            else { continue }
            graph.nodes[index].activation = graph.nodes[reader].activation
            graph.nodes[index].output = graph.nodes[reader].output
            removed.insert(reader)
        }
        graph.removeNodes(removed)
        return removed.count
    }
}
