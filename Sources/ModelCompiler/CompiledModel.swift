/// What the compiler makes of a model.
public struct CompiledModel: Hashable, Sendable {
    /// The image: a file for `EdgeRuntime`. Equal models and options give equal bytes.
    public let imageBytes: [UInt8]
    /// What is in it, for people.
    public let report: CompileReport
}

/// What a compiled model consists of and needs.
public struct CompileReport: Hashable, Sendable {
    /// An input or output of the model.
    public struct Port: Hashable, Sendable {
        /// The name in the model.
        public let name: String
        /// The element type, such as `float32`.
        public let elementType: String
        /// The extent of each axis.
        public let shape: [Int]
        /// The names of classes, if the model has them: for integers what 0, 1 and so on stand for, for probabilities
        /// those of the columns. An image holds no texts, so text labels become such integers.
        public let labels: [String]?
    }

    /// One step of the plan.
    public struct Step: Hashable, Sendable {
        /// The ONNX node from which it came.
        public let name: String
        /// The image's operation, such as `convolution`.
        public let operation: String
        /// The function applied to the result, or `nil`.
        public let activation: String?
        /// The shape of the result.
        public let outputShape: [Int]
        /// Multiplications and additions as pairs.
        public let multiplyAdds: Int
        /// Bytes of scratch memory during the step.
        public let scratchBytes: Int
    }

    /// What a pass of the compiler changed.
    public struct PassChanges: Hashable, Sendable {
        /// The pass.
        public let name: String
        /// In how many places it rewrote the graph.
        public let changes: Int
    }

    /// What the application gives, in the model's order.
    public let inputs: [Port]
    /// What the application gets, in the model's order.
    public let outputs: [Port]
    /// The plan, in the order of execution.
    public let steps: [Step]
    /// Bytes of working memory that a run needs; known before loading.
    public let arenaBytes: Int
    /// The most bytes that are alive at one time: no plan could need less.
    public let arenaLowerBound: Int
    /// Bytes of constants in the image.
    public let weightBytes: Int
    /// Bytes of the image file.
    public let imageByteCount: Int
    /// What the passes did.
    public let passes: [PassChanges]

    /// Multiplications and additions of one run, as pairs.
    public var multiplyAdds: Int { steps.map(\.multiplyAdds).reduce(0, +) }
}

extension CompileReport: CustomStringConvertible {
    /// A table for a terminal: one line per port and step, then the sums.
    public var description: String {
        var lines = inputs.map { "input   \($0.name): \($0.elementType) \($0.shape)" }
        lines += outputs.map { port in
            let labels = port.labels.map { " of " + $0.joined(separator: ", ") } ?? ""
            return "output  \(port.name): \(port.elementType) \(port.shape)\(labels)"
        }
        for (index, step) in steps.enumerated() {
            let activation = step.activation.map { " + \($0)" } ?? ""
            lines.append(
                "step \(index)  \(step.operation)\(activation) → \(step.outputShape)  "
                    + "\(step.multiplyAdds) multiply-adds  \(step.name)")
        }
        lines.append(
            "passes  " + passes.filter { $0.changes > 0 }.map { "\($0.name) \($0.changes)" }.joined(separator: ", "))
        lines.append("arena   \(arenaBytes) bytes (lower bound \(arenaLowerBound))")
        lines.append("weights \(weightBytes) bytes, image \(imageByteCount) bytes, \(multiplyAdds) multiply-adds")
        return lines.joined(separator: "\n")
    }
}
