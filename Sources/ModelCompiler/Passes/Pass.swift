/// A rewriting of the graph that keeps what it computes.
struct Pass: Sendable {
    /// For the compile report.
    let name: String
    /// Rewrites once over the whole graph and says how many places changed.
    let run: @Sendable (inout Graph) throws(ShapeError) -> Int
}

/// The passes in the order in which they run, again and again until none changes anything.
enum PassPipeline {
    static let passes = [
        Pass(name: "no-op elimination", run: NoOpElimination.run),
        Pass(name: "scale and shift folding", run: AffineFolding.run),
        Pass(name: "activation fusion", run: ActivationFusion.run),
        Pass(name: "quantized movement", run: QuantizedMovement.run),
        Pass(name: "integer kernels", run: IntegerKernels.run),
        Pass(name: "layout choice", run: LayoutChoice.run),
        Pass(name: "transpose sinking", run: TransposeSinking.run),
        Pass(name: "transpose into dense", run: TransposeIntoDense.run),
        Pass(name: "addition fusion", run: AdditionFusion.run),
        Pass(name: "dead-code removal", run: DeadCodeRemoval.run),
    ]

    /// Rounds of all passes; each round must change something, and every rewriting shrinks the graph or moves a
    /// transpose towards the outputs, so that far fewer are needed.
    static let maximumRounds = 100

    /// Runs all passes; the number of changes of each, in order.
    static func run(_ graph: inout Graph) throws(ShapeError) -> [Int] {
        var changes = passes.map { _ in 0 }
        for _ in 0..<maximumRounds {
            var round = 0
            for index in passes.indices {
                let count = try passes[index].run(&graph)
                changes[index] += count
                round += count
            }
            if round == 0 { break }
        }
        return changes
    }
}
