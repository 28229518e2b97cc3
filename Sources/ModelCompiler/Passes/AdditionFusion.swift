import ModelImage

/// Lets a convolution or dense layer add another tensor to its own result, while that is still in registers: the end of
/// a residual block costs one reading more, instead of two and a writing.
///
/// `add(convolution(x), z)` becomes `convolution(x, z)`, in the addition's place, where both operands are known. Of two
/// layers the later one takes the other's result. What is no longer folded into weights afterwards has been before: the
/// passes for that run first.
enum AdditionFusion {
    static func run(_ graph: inout Graph) -> Int {
        let readers = graph.readers()
        let producers = graph.producers()
        var removed: Set<Int> = []
        for index in graph.nodes.indices {
            guard let (layer, addend) = operands(of: graph.nodes[index], readers, producers, graph) else { continue }
            let addition = graph.nodes[index]
            var fused = graph.nodes[layer]
            fused.inputs += [ValueID?](repeating: nil, count: 3 - fused.inputs.count) + [addend]
            fused.activation = addition.activation
            fused.output = addition.output
            graph.nodes[index] = fused
            removed.insert(layer)
        }
        graph.removeNodes(removed)
        return removed.count
    }

    /// The layer that can take an addition's place, and what it is to add.
    private static func operands(
        of node: GraphNode, _ readers: [[Int]], _ producers: [Int?], _ graph: Graph
    ) -> (layer: Int, addend: ValueID)? {
        guard node.operation == .binary(.add), node.inputs.count == 2, let first = node.inputs[0],
            let second = node.inputs[1], graph.shape(first) == graph.shape(second)
        else { return nil }
        func layer(_ value: ValueID) -> Int? {
            guard let layer = producers[value.index], takesAddend(graph.nodes[layer], in: graph),
                readers[value.index].count == 1, !graph.isOutput(value)
            else { return nil }
            return layer
        }
        switch (layer(first), layer(second)) {
        case (let left?, let right?): return left > right ? (left, second) : (right, first)
        case (let left?, nil): return (left, second)
        case (nil, let right?): return (right, first)
        case (nil, nil): return nil
        }
    }

    /// True for a layer whose kernel can add a tensor and does not yet.
    private static func takesAddend(_ node: GraphNode, in graph: Graph) -> Bool {
        guard node.activation == .none, node.inputs.count <= 3, graph[node.output].elementType == .float32 else {
            return false
        }
        switch node.operation {
        case .dense: return true
        case .convolution(_, let groups, .last):
            // A depthwise convolution has a kernel of its own.
            let channels = node.inputs[0].flatMap { graph.shape($0).last }
            return groups == 1 || groups != channels || channels != graph.shape(node.output).last
        default: return false
        }
    }
}
