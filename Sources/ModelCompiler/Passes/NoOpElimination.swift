import ModelImage

/// Removes operations that change nothing, and turns movements that move nothing into reshapes, which cost nothing.
enum NoOpElimination {
    static func run(_ graph: inout Graph) -> Int {
        var changes = 0
        var removed: Set<Int> = []
        var standIns: [ValueID: ValueID] = [:]
        let producers = graph.producers()
        for index in graph.nodes.indices {
            graph.nodes[index].inputs = graph.nodes[index].inputs.map { $0.map { standIns[$0] ?? $0 } }
            let node = graph.nodes[index]
            if case let input?? = node.inputs.first, passesOn(node, in: graph) {
                standIns[node.output] = input
                removed.insert(index)
                changes += 1
            } else if let simpler = simpler(node, producers, in: graph) {
                graph.nodes[index] = simpler
                changes += 1
            }
        }
        for index in graph.outputs.indices {
            let value = graph.outputs[index].value
            graph.outputs[index].value = standIns[value] ?? value
        }
        graph.removeNodes(removed)
        return changes
    }

    /// True when the result is the first input, element by element.
    private static func passesOn(_ node: GraphNode, in graph: Graph) -> Bool {
        guard case let input?? = node.inputs.first, node.activation == .none,
            graph.shape(input) == graph.shape(node.output)
        else { return false }
        switch node.operation {
        case .unary, .reshape: return true
        case .transpose(let permutation): return permutation == Array(permutation.indices)
        case .slice(let starts, let steps, _):
            return starts.allSatisfy { $0 == 0 } && zip(steps, graph.shape(input)).allSatisfy { $0 == 1 || $1 == 1 }
        case .concat: return node.inputs.count == 1
        case .pool(_, let window, _):
            return window.kernel.allSatisfy { $0 == 1 } && window.strides.allSatisfy { $0 == 1 }
        case .binary(let function): return isNeutral(function, graph.constant(node.inputs[1]))
        default: return false
        }
    }

    /// True when the constant on the right leaves the left operand as it is.
    private static func isNeutral(_ function: BinaryFunction, _ constant: Constant?) -> Bool {
        let neutral: Float
        switch function {
        case .add, .subtract: neutral = 0
        case .multiply, .divide, .power: neutral = 1
        case .minimum, .maximum, .parametricRelu: return false
        }
        return constant?.floats?.allSatisfy { $0 == neutral } ?? false
    }

    /// A cheaper node with the same result, if there is one.
    private static func simpler(_ node: GraphNode, _ producers: [Int?], in graph: Graph) -> GraphNode? {
        guard case let input?? = node.inputs.first else { return nil }
        let shape = graph.shape(input)
        var simpler = node
        switch node.operation {
        case .reshape:
            guard let before = producers[input.index].map({ graph.nodes[$0] }), case .reshape = before.operation else {
                return nil
            }
            simpler.inputs = before.inputs
        case .transpose(let permutation):
            let moved = permutation.filter { shape[$0] != 1 }
            guard moved == moved.sorted() else { return nil }
            simpler.operation = .reshape(graph.shape(node.output))
        case .reduce(let function, let axes, _):
            let keepsSingleElements: [ReduceFunction] = [.sum, .mean, .maximum, .minimum, .product]
            guard axes.allSatisfy({ shape[$0] == 1 }), keepsSingleElements.contains(function) else { return nil }
            simpler.operation = .reshape(graph.shape(node.output))
        default: return nil
        }
        return simpler
    }
}
