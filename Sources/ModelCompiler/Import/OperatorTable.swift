import ONNXFormat

/// How the nodes of one operator become operations of the graph.
struct OperatorRule: Sendable {
    /// The first version of the operator set that has the operator, at least the compiler's oldest.
    let since: Int
    /// Appends operations and returns the values of the node's outputs; fewer when trailing outputs are not wanted.
    let lower: @Sendable (inout GraphBuilder, ImportedNode) throws(Refusal) -> [ValueID]

    init(
        since: Int = 1,
        _ lower: @escaping @Sendable (inout GraphBuilder, ImportedNode) throws(Refusal) -> [ValueID]
    ) {
        self.since = since
        self.lower = lower
    }
}

/// Every operator that the compiler knows, by domain and name.
///
/// Each file `Import/Operators/*.swift` adds a family. Domains: "" is ONNX itself, `ai.onnx.ml` its classic
/// machine learning, `com.microsoft` what ONNX Runtime's optimiser and quantiser write.
enum OperatorTable {
    static let families: [String: [[String: OperatorRule]]] = [
        "": [
            ActivationOperators.rules, ArithmeticOperators.rules, ConstantOperators.rules, ConvolutionOperators.rules,
            LinearOperators.rules, LogicOperators.rules, NormalizationOperators.rules, PoolingOperators.rules,
            QuantizationOperators.rules, QuantizedFormOperators.rules, RecurrentOperators.rules,
            ReductionOperators.rules, ShapeOperators.rules, SliceOperators.rules, IndexOperators.rules,
            PadOperators.rules, ResizeOperators.rules, SelectionOperators.rules, SignalOperators.rules,
            SpaceOperators.rules, ControlOperators.rules,
        ],
        "ai.onnx.ml": [TreeOperators.rules, LinearModelOperators.rules, FeatureOperators.rules],
        "com.microsoft": [FusedOperators.rules, QuantizationOperators.microsoft, QuantizedFormOperators.microsoft],
    ]

    private static let rules: [String: [String: OperatorRule]] = families.mapValues { families in
        families.reduce(into: [:]) { $0.merge($1) { first, _ in first } }
    }

    /// The operators that set 6 defines as set 1 did.
    private static let original: Set<String> = [
        "And", "ArgMax", "ArgMin", "AveragePool", "Constant", "Conv", "ConvTranspose", "DepthToSpace", "Equal",
        "Flatten", "Gather", "GlobalAveragePool", "GlobalMaxPool", "Greater", "Identity", "If", "LRN", "Less",
        "LogSoftmax", "MatMul", "MaxPool", "Not", "Or", "Pow", "ReduceL1", "ReduceL2", "ReduceLogSum",
        "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare",
        "Shape",
        "Size", "Slice", "Softmax", "Softplus", "Softsign", "SpaceToDepth", "Squeeze", "TopK", "Transpose", "Unsqueeze",
        "Xor",
    ]

    /// The rule for an operator of that version, or `nil` when the compiler does not know it.
    static func rule(_ operatorType: String, domain: String, version: Int) -> OperatorRule? {
        let domain = domain == "ai.onnx" ? "" : domain
        guard let rule = rules[domain]?[operatorType], version >= rule.since,
            !domain.isEmpty || version >= 6 || original.contains(operatorType)
        else { return nil }
        return rule
    }

    /// What would help with an operator that the compiler does not know.
    static func help(_ node: ONNXNode) -> String {
        switch (node.domain, node.operatorType) {
        case ("", "Loop"), ("", "Scan"):
            "export the model with its loops unrolled"
        case ("", _): "replace it by supported operators (docs/operators.md), or remove it from the model"
        case ("ai.onnx.ml", _): "replace it by operators of docs/operators.md, or do its work before the device does"
        default: "export the model with the operators of the standard domain"
        }
    }
}
