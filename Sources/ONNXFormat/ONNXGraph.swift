/// A computation (`GraphProto`): nodes in an order in which they can run, joined by the names of values.
public struct ONNXGraph: Hashable, Sendable {
    /// The graph's name.
    public var name: String
    /// The operations, each after those that it depends on.
    public var nodes: [ONNXNode]
    /// Constant tensors, by the name of the value that they give.
    public var initializers: [ONNXTensor]
    /// Constant tensors in which most elements are zero.
    public var sparseInitializers: [ONNXSparseTensor]
    /// What the caller gives. Before IR version 4 initializers stand here too.
    public var inputs: [ONNXValueInfo]
    /// What the caller gets.
    public var outputs: [ONNXValueInfo]
    /// Types of values inside the graph, where the writer knew them.
    public var valueInfo: [ONNXValueInfo]
    /// A note for people.
    public var documentation: String

    /// Creates a graph.
    public init(
        name: String, nodes: [ONNXNode] = [], initializers: [ONNXTensor] = [],
        sparseInitializers: [ONNXSparseTensor] = [], inputs: [ONNXValueInfo] = [], outputs: [ONNXValueInfo] = [],
        valueInfo: [ONNXValueInfo] = [], documentation: String = ""
    ) {
        self.name = name
        self.nodes = nodes
        self.initializers = initializers
        self.sparseInitializers = sparseInitializers
        self.inputs = inputs
        self.outputs = outputs
        self.valueInfo = valueInfo
        self.documentation = documentation
    }
}

/// One operation (`NodeProto`).
public struct ONNXNode: Hashable, Sendable {
    /// A name for people and for messages; may be empty.
    public var name: String
    /// The operator, such as `Conv`.
    public var operatorType: String
    /// Who defines the operator: "" is ONNX itself.
    public var domain: String
    /// Tells functions of one name apart.
    public var overload: String
    /// Names of the values that go in; "" stands for an optional one that is left out.
    public var inputs: [String]
    /// Names of the values that come out; "" stands for one that is not wanted.
    public var outputs: [String]
    /// The operator's parameters; those left out have the operator's defaults.
    public var attributes: [ONNXAttribute]
    /// A note for people.
    public var documentation: String

    /// Creates a node.
    public init(
        _ operatorType: String, name: String = "", domain: String = "", overload: String = "", inputs: [String],
        outputs: [String], attributes: [ONNXAttribute] = [], documentation: String = ""
    ) {
        self.name = name
        self.operatorType = operatorType
        self.domain = domain
        self.overload = overload
        self.inputs = inputs
        self.outputs = outputs
        self.attributes = attributes
        self.documentation = documentation
    }

    /// The value of the attribute called `name`, or `nil` if the node has none.
    public func attribute(_ name: String) -> ONNXAttribute.Value? {
        attributes.first { $0.name == name }?.value
    }
}

/// A parameter of a node (`AttributeProto`).
public struct ONNXAttribute: Hashable, Sendable {
    /// The values that an attribute can have.
    public indirect enum Value: Hashable, Sendable {
        case float(Float)
        case int(Int64)
        case string([UInt8])
        case tensor(ONNXTensor)
        case graph(ONNXGraph)
        case sparseTensor(ONNXSparseTensor)
        case type(ONNXType)
        case floats([Float])
        case ints([Int64])
        case strings([[UInt8]])
        case tensors([ONNXTensor])
        case graphs([ONNXGraph])
        case sparseTensors([ONNXSparseTensor])
        case types([ONNXType])
        /// In a function: the value of the function's attribute of this name. `kind` is the number of the value's type.
        case reference(String, kind: Int64)
    }

    /// The parameter's name.
    public var name: String
    /// The parameter's value.
    public var value: Value
    /// A note for people.
    public var documentation: String

    /// Creates an attribute.
    public init(_ name: String, _ value: Value, documentation: String = "") {
        self.name = name
        self.value = value
        self.documentation = documentation
    }

    /// Creates a text attribute.
    public init(_ name: String, string: String) {
        self.init(name, .string(Array(string.utf8)))
    }
}

/// A tensor given by its elements that are not zero (`SparseTensorProto`).
public struct ONNXSparseTensor: Hashable, Sendable {
    /// The elements, on one axis.
    public var values: ONNXTensor
    /// Where they stand: linear positions, or one row of coordinates each.
    public var indices: ONNXTensor
    /// The extent of each axis.
    public var dims: [Int]

    /// Creates a sparse tensor.
    public init(values: ONNXTensor, indices: ONNXTensor, dims: [Int]) {
        self.values = values
        self.indices = indices
        self.dims = dims
    }
}
