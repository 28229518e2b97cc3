import ModelImage

/// Computes when the model is compiled what does not depend on its inputs.
///
/// The import folds each operation as it appends it, because later shapes may depend on the result; so there is no
/// sweep over the finished graph.
enum ConstantFolding {
    /// The result of an operation on constants of at most `budget` bytes, or `nil` when it is left for run time.
    static func fold(
        _ operation: GraphOperation, _ activation: Activation, _ inputs: [ValueID?],
        to result: ShapeInference.Result, in graph: Graph, budget: Int
    ) -> Constant? {
        let operands = inputs.compactMap { graph.constant($0) }
        guard operands.count == inputs.count, result.shape.reduce(1, *) * result.elementType.size <= budget else {
            return nil
        }
        return ConstantEvaluator.evaluate(operation, activation, operands, shape: result.shape)
    }
}
