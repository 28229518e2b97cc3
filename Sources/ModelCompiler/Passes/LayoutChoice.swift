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
        var changes = 0
        var index = 0
        while index < graph.nodes.count {
            let node = graph.nodes[index]
            guard let operation = channelsLast(node.operation), let first = node.inputs.first, let input = first else {
                index += 1
                continue
            }
            let rank = graph.shape(input).count
            let name = node.name
            let moved = try graph.insert(
                .transpose(toLast(rank: rank)), inputs: [input], name: "\(name).in", at: index)
            let result = try graph.insert(
                operation, activation: node.activation, inputs: [moved] + node.inputs.dropFirst(), name: name,
                at: index + 1)
            graph.nodes[index + 2] = GraphNode(
                operation: .transpose(toFirst(rank: rank)), activation: .none, inputs: [result],
                output: node.output, name: "\(name).out")
            changes += 1
            index += 3
        }
        return changes
    }

    private static func channelsLast(_ operation: GraphOperation) -> GraphOperation? {
        switch operation {
        case .convolution(let window, let groups, .first): .convolution(window, groups: groups, .last)
        case .pool(let function, let window, .first): .pool(function, window, .last)
        default: nil
        }
    }
}
