import ModelImage
import OperatorInterface

/// Operators of classic machine learning (ONNX's domain `ai.onnx.ml`): trees, scores, support vectors, features.
enum ClassicOperators {
    static var all: [PortableOperator] {
        [
            PortableOperator(.treeEnsemble, TreeOperators.ensemble),
            PortableOperator(.classifyScores, ScoreOperators.classify),
            PortableOperator(.transformScores, ScoreOperators.transform),
            PortableOperator(.kernelMatrix, SupportVectorOperators.kernelMatrix),
            PortableOperator(.supportVectorClassifier, SupportVectorOperators.classify),
            PortableOperator(.normalizeRows, FeatureOperators.normalizeRows),
            PortableOperator(.lookUp, FeatureOperators.lookUp),
            PortableOperator(.pickFeatures, FeatureOperators.pick),
        ]
    }
}
