/// Removes nodes whose results nobody reads.
enum DeadCodeRemoval {
    static func run(_ graph: inout Graph) -> Int {
        var needed = Set(graph.outputs.map(\.value))
        needed.formUnion(graph.outputs.compactMap { graph[$0.value].extent })
        var kept: [GraphNode] = []
        for node in graph.nodes.reversed() where node.outputs.contains(where: needed.contains) {
            needed.formUnion(node.inputs.compactMap { $0 })
            kept.append(node)
        }
        let removed = graph.nodes.count - kept.count
        graph.nodes = kept.reversed()
        return removed
    }
}
