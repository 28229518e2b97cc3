/// A node of the model that cannot be compiled, with the reason and a way out.
public struct UnsupportedNode: Hashable, Sendable {
    /// The node's name, or the name of its first output when it has none.
    public let name: String
    /// The operator with its domain, such as `LSTM` or `com.microsoft.QGemm`.
    public let operatorType: String
    /// The version of the operator set that the model imports; 0 when it imports none for the domain.
    public let version: Int
    /// What is not supported: the operator itself, an attribute, a shape or a type.
    public let reason: String
    /// What would help.
    public let help: String

    /// Describes a node.
    public init(name: String, operatorType: String, version: Int, reason: String, help: String) {
        self.name = name
        self.operatorType = operatorType
        self.version = version
        self.reason = reason
        self.help = help
    }
}

extension UnsupportedNode: CustomStringConvertible {
    public var description: String {
        "\(operatorType) (version \(version), node \"\(name)\"): \(reason); \(help)"
    }
}

/// Why a model was not compiled. Nothing has run and nothing was written when it is thrown.
public enum CompileError: Error, Hashable, Sendable {
    /// Nodes that the runtime cannot run: all of them, in the order of the model.
    case unsupported([UnsupportedNode])
    /// The model imports an operator set outside ``ModelCompiler/operatorSets``.
    case operatorSet(version: Int)
    /// An input has a dimension that is neither known nor bound by ``CompileOptions/dims``.
    case unboundDimension(input: String, axis: Int, symbol: String)
    /// An option does not fit the model, such as a binding of a dimension that the model does not have.
    case option(String)
    /// The model contradicts itself: a value that nothing gives, shapes that do not fit.
    case invalidModel(String)
    /// A named limit is exceeded.
    case limitExceeded(String)
    /// The image could not be written: a fault of the compiler.
    case image(String)

    /// The stable kind, for programs.
    public var code: String {
        switch self {
        case .unsupported: "unsupported"
        case .operatorSet: "operatorSet"
        case .unboundDimension: "unboundDimension"
        case .option: "option"
        case .invalidModel: "invalidModel"
        case .limitExceeded: "limitExceeded"
        case .image: "image"
        }
    }
}

extension CompileError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unsupported(let nodes):
            "\(nodes.count) \(nodes.count == 1 ? "node is" : "nodes are") not supported:\n"
                + nodes.map { "  \($0)" }.joined(separator: "\n")
        case .operatorSet(let version):
            "operator set \(version) is outside \(ModelCompiler.operatorSets): convert the model, "
                + "for example with onnx.version_converter"
        case .unboundDimension(let input, let axis, let symbol):
            "axis \(axis) (\(symbol.isEmpty ? "unnamed" : symbol)) of input \"\(input)\" has no extent: "
                + "bind it with dims, such as \(symbol.isEmpty ? "\(input).\(axis)" : symbol)=16"
        case .option(let text): "option: \(text)"
        case .invalidModel(let text): "the model is invalid: \(text)"
        case .limitExceeded(let text): "limit exceeded: \(text)"
        case .image(let text): "the image could not be written: \(text)"
        }
    }
}
