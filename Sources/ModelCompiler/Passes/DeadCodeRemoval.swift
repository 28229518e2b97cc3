/// Removes nodes whose results nobody reads.
enum DeadCodeRemoval {
    static func run(_ graph: inout Graph) -> Int {
        var needed = Set(graph.outputs.map(\.value))
        var kept: [GraphNode] = []
        for node in graph.nodes.reversed() where needed.contains(node.output) {
            needed.formUnion(node.inputs.compactMap { $0 })
            kept.append(node)
        }
        let removed = graph.nodes.count - kept.count
        graph.nodes = kept.reversed()
        return removed
    }
}
