import ModelImage

/// Puts the channels of convolutions and pools last, as the kernels want them.
///
/// Each such operation gets a transpose before and behind it; ``TransposeSinking`` then makes most of them meet and
/// cancel.
enum LayoutChoice {
    /// The permutation that moves the channels of `rank` axes from behind the batch to the end.
    static func toLast(rank: Int) -> [Int] { [0] + Array(2..<rank) + [1] }

    /// The permutation that moves them back.
    static func toFirst(rank: Int) -> [Int] { [0, rank - 1] + Array(1..<rank - 1) }

    static func run(_ graph: inout Graph) throws(ShapeError) -> Int {
        var nodes: [GraphNode] = []
        var changes = 0
        for node in graph.nodes {
            guard let operation = channelsLast(node.operation), case let input?? = node.inputs.first else {
                nodes.append(node)
                continue
            }
            let rank = graph.shape(input).count
            let moved = try graph.makeNode(
                .transpose(toLast(rank: rank)), inputs: [input], name: "\(node.name).in")
            let result = try graph.makeNode(
                operation, activation: node.activation, inputs: [moved.output] + node.inputs.dropFirst(),
                name: node.name)
            let restored = GraphNode(
                operation: .transpose(toFirst(rank: rank)), activation: .none, inputs: [result.output],
                output: node.output, name: "\(node.name).out")
            nodes += [moved, result, restored]
            changes += 1
        }
        graph.nodes = nodes
        return changes
    }

    private static func channelsLast(_ operation: GraphOperation) -> GraphOperation? {
        switch operation {
        case .convolution(let window, let groups, .first): .convolution(window, groups: groups, .last)
        case .pool(let function, let window, .first): .pool(function, window, .last)
        case .quantized(let quantized): quantized.channelsLast.map { .quantized($0) }
        default: nil
        }
    }
}
