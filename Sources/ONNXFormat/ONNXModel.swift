/// An ONNX model (`ModelProto`): a graph of operators with the versions that give them meaning.
public struct ONNXModel: Hashable, Sendable {
    /// The version of the file format itself.
    public var irVersion: Int64
    /// Which version of which operator set the nodes mean; the domain "" is the standard one.
    public var operatorSets: [ONNXOperatorSet]
    /// The program that wrote the file.
    public var producerName: String
    /// That program's version.
    public var producerVersion: String
    /// The model's own domain, in reverse-DNS form.
    public var domain: String
    /// The model's own version.
    public var modelVersion: Int64
    /// A note for people.
    public var documentation: String
    /// Named texts.
    public var metadata: [ONNXMetadata]
    /// The computation.
    public var graph: ONNXGraph
    /// Operators that the model defines itself.
    public var functions: [ONNXFunction]

    /// Creates a model.
    public init(
        irVersion: Int64 = 8, operatorSets: [ONNXOperatorSet] = [ONNXOperatorSet(version: 17)],
        producerName: String = "", producerVersion: String = "", domain: String = "", modelVersion: Int64 = 0,
        documentation: String = "", metadata: [ONNXMetadata] = [], graph: ONNXGraph, functions: [ONNXFunction] = []
    ) {
        self.irVersion = irVersion
        self.operatorSets = operatorSets
        self.producerName = producerName
        self.producerVersion = producerVersion
        self.domain = domain
        self.modelVersion = modelVersion
        self.documentation = documentation
        self.metadata = metadata
        self.graph = graph
        self.functions = functions
    }

    /// The version of the operator set of `domain`, or `nil` if the model does not import it.
    public func operatorSetVersion(domain: String = "") -> Int64? {
        let aliases = domain.isEmpty || domain == "ai.onnx" ? ["", "ai.onnx"] : [domain]
        return operatorSets.first { aliases.contains($0.domain) }?.version
    }
}

/// A version of a set of operators (`OperatorSetIdProto`).
public struct ONNXOperatorSet: Hashable, Sendable {
    /// Who defines the operators: "" is ONNX itself.
    public var domain: String
    /// The version of the set.
    public var version: Int64

    /// Creates an operator set.
    public init(domain: String = "", version: Int64) {
        self.domain = domain
        self.version = version
    }
}

/// A named text (`StringStringEntryProto`).
public struct ONNXMetadata: Hashable, Sendable {
    /// What the text is about.
    public var key: String
    /// The text.
    public var value: String

    /// Creates a named text.
    public init(key: String, value: String) {
        self.key = key
        self.value = value
    }
}

/// An operator that a model defines by a graph of its own (`FunctionProto`).
public struct ONNXFunction: Hashable, Sendable {
    /// The operator's name.
    public var name: String
    /// The domain in which the operator is defined.
    public var domain: String
    /// Tells functions of one name apart.
    public var overload: String
    /// Names of the values that go in.
    public var inputs: [String]
    /// Names of the values that come out.
    public var outputs: [String]
    /// Attributes that a caller must give.
    public var attributes: [String]
    /// Attributes with their defaults.
    public var defaultAttributes: [ONNXAttribute]
    /// What the operator does, in an order in which it can run.
    public var nodes: [ONNXNode]
    /// Which operators the nodes mean.
    public var operatorSets: [ONNXOperatorSet]
    /// Types of values inside the function, where the writer knew them.
    public var valueInfo: [ONNXValueInfo]
    /// A note for people.
    public var documentation: String

    /// Creates a function.
    public init(
        name: String, domain: String, overload: String = "", inputs: [String] = [], outputs: [String] = [],
        attributes: [String] = [], defaultAttributes: [ONNXAttribute] = [], nodes: [ONNXNode] = [],
        operatorSets: [ONNXOperatorSet] = [], valueInfo: [ONNXValueInfo] = [], documentation: String = ""
    ) {
        self.name = name
        self.domain = domain
        self.overload = overload
        self.inputs = inputs
        self.outputs = outputs
        self.attributes = attributes
        self.defaultAttributes = defaultAttributes
        self.nodes = nodes
        self.operatorSets = operatorSets
        self.valueInfo = valueInfo
        self.documentation = documentation
    }
}
