import ModelImage

/// Lets an operation apply the activation behind it to its own result, while that is still in registers.
enum ActivationFusion {
    static func run(_ graph: inout Graph) -> Int {
        var changes = 0
        var index = 0
        while index < graph.nodes.count {
            if fuse(at: index, &graph) { changes += 1 }
            index += 1
        }
        return changes
    }

    /// Merges the only reader of node `index` into it, if that is an activation.
    private static func fuse(at index: Int, _ graph: inout Graph) -> Bool {
        let node = graph.nodes[index]
        guard node.operation.takesActivation, node.activation == .none, !graph.isOutput(node.output) else {
            return false
        }
        let readers = graph.nodes.indices.filter { graph.nodes[$0].inputs.contains(node.output) }
        guard readers.count == 1, let reader = readers.first, graph.nodes[reader].operation == .unary else {
            return false
        }
        graph.nodes[index].activation = graph.nodes[reader].activation
        graph.nodes[index].output = graph.nodes[reader].output
        graph.nodes.remove(at: reader)
        return true
    }
}
