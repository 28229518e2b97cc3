import ModelImage

/// Moves transposes towards the outputs: `f(transpose(x))` becomes `transpose(f′(x))` wherever `f` works on any order
/// of axes. Two transposes that meet become one, or none.
///
/// Every rewriting leaves one transpose fewer above a node, so the pass ends.
enum TransposeSinking {
    static func run(_ graph: inout Graph) throws(ShapeError) -> Int {
        var nodes: [GraphNode] = []
        var transposes: [ValueID: Transposed] = [:]
        var changes = 0
        for node in graph.nodes {
            let sunk = try sink(node, transposes, &graph)
            if sunk != nil { changes += 1 }
            for node in sunk ?? [node] {
                nodes.append(node)
                if case .transpose(let permutation) = node.operation, case let source?? = node.inputs.first {
                    transposes[node.output] = Transposed(source: source, permutation: permutation)
                }
            }
        }
        graph.nodes = nodes
        return changes
    }

    /// A value that is another one with its axes in another order.
    private struct Transposed {
        let source: ValueID
        let permutation: [Int]
    }

    /// What takes the node's place so that its operands need no transpose; `nil` when there is no such thing.
    private static func sink(
        _ node: GraphNode, _ transposes: [ValueID: Transposed], _ graph: inout Graph
    ) throws(ShapeError) -> [GraphNode]? {
        guard let first = node.inputs.lazy.compactMap({ $0.flatMap { transposes[$0] } }).first else { return nil }
        if case .transpose(let permutation) = node.operation {
            var merged = node
            merged.operation = .transpose(permutation.map { first.permutation[$0] })
            merged.inputs = [first.source]
            return [merged]
        }
        guard let rewritten = rewritten(node, first.permutation, graph),
            let inputs = sources(of: node, first.permutation, transposes, &graph)
        else { return nil }
        let result = try graph.makeNode(
            rewritten.operation, activation: node.activation, inputs: inputs, name: node.name)
        let restored = GraphNode(
            operation: .transpose(rewritten.permutation), activation: .none, inputs: [result.output],
            output: node.output, name: "\(node.name).order")
        return [result, restored]
    }

    /// The node's operation on the untransposed operand, and the order of its result's axes that restores the old one.
    private static func rewritten(
        _ node: GraphNode, _ order: [Int], _ graph: Graph
    ) -> (operation: GraphOperation, permutation: [Int])? {
        /// A value per axis, in the order of the untransposed operand.
        func back(_ values: [Int]) -> [Int] {
            var result = values
            for (axis, source) in order.enumerated() { result[source] = values[axis] }
            return result
        }
        switch node.operation {
        case .unary: return (.unary, order)
        case .binary(let function):
            return order.count == graph.shape(node.output).count ? (.binary(function), order) : nil
        case .affine(let axis): return (.affine(axis: order[axis]), order)
        case .quantized(.quantize(let type, let axis)):
            return (.quantized(.quantize(to: type, axis: order[axis])), order)
        case .quantized(.lookup): return (node.operation, order)
        case .quantized(.binary):
            return order.count == graph.shape(node.output).count ? (node.operation, order) : nil
        case .softmax(let axis, let logarithmic):
            return (.softmax(axis: order[axis], logarithmic: logarithmic), order)
        case .concat(let axis): return (.concat(axis: order[axis]), order)
        case .slice(let starts, let steps, let counts):
            return (.slice(starts: back(starts), steps: back(steps), counts: back(counts)), order)
        case .pad(let before, let after, let mode, let value):
            return (.pad(before: back(before), after: back(after), mode: mode, value: value), order)
        case .reduce(let function, let axes, let keepsAxes):
            let moved = axes.map { order[$0] }.sorted()
            let operation = GraphOperation.reduce(function, axes: moved, keepsAxes: keepsAxes)
            return (operation, keepsAxes ? order : remaining(order, without: axes))
        case .argMax(let axis, let smallest, let last, let keepsAxis):
            let operation = GraphOperation.argMax(
                axis: order[axis], smallest: smallest, last: last, keepsAxis: keepsAxis)
            return (operation, keepsAxis ? order : remaining(order, without: [axis]))
        default: return nil
        }
    }

    /// The order of the axes that are left when `axes` of the transposed operand are gone.
    private static func remaining(_ order: [Int], without axes: [Int]) -> [Int] {
        let kept = order.indices.filter { !axes.contains($0) }.map { order[$0] }
        let ranks = kept.sorted()
        return kept.map { axis in ranks.firstIndex(of: axis) ?? 0 }
    }

    /// The operands with the transposition taken off: all must be transposed alike, or constant.
    private static func sources(
        of node: GraphNode, _ order: [Int], _ transposes: [ValueID: Transposed], _ graph: inout Graph
    ) -> [ValueID?]? {
        var sources: [ValueID?] = []
        for (slot, input) in node.inputs.enumerated() {
            guard let input else { return nil }
            if slot > 0, node.operation.hasParameters {
                sources.append(input)
            } else if let transposed = transposes[input] {
                guard transposed.permutation == order else { return nil }
                sources.append(transposed.source)
            } else if let constant = graph.constant(input), constant.shape.count <= order.count {
                sources.append(
                    constant.count == 1 && node.operation.isElementwise
                        ? input : untransposed(input, constant, order, &graph))
            } else {
                return nil
            }
        }
        return sources
    }

    /// The constant whose transpose the given one is.
    private static func untransposed(
        _ input: ValueID, _ constant: Constant, _ order: [Int], _ graph: inout Graph
    ) -> ValueID? {
        var inverse = order
        for (axis, source) in order.enumerated() { inverse[source] = axis }
        let aligned = constant.reshaped(Extents.padded(constant.shape, rank: order.count))
        return graph.addConstant(aligned.transposed(inverse), name: graph[input].name)
    }
}
