/// The name and type of a value (`ValueInfoProto`).
public struct ONNXValueInfo: Hashable, Sendable {
    /// The name of the value.
    public var name: String
    /// The type, or `nil` where the writer left it out.
    public var type: ONNXType?
    /// A note for people.
    public var documentation: String

    /// Creates a value's description.
    public init(name: String, type: ONNXType?, documentation: String = "") {
        self.name = name
        self.type = type
        self.documentation = documentation
    }

    /// Describes a tensor.
    public init(name: String, elementType: ONNXElementType, dims: [ONNXDimension]) {
        self.init(name: name, type: .tensor(elementType, shape: dims))
    }
}

/// The type of a value (`TypeProto`).
public indirect enum ONNXType: Hashable, Sendable {
    /// A dense tensor; the shape is `nil` where not even the number of axes is known.
    case tensor(ONNXElementType, shape: [ONNXDimension]?)
    case sparseTensor(ONNXElementType, shape: [ONNXDimension]?)
    case sequence(ONNXType)
    case map(key: ONNXElementType, value: ONNXType)
    case optional(ONNXType)
    /// A type message without content.
    case undefined
}

/// The extent of one axis.
public enum ONNXDimension: Hashable, Sendable {
    /// Known.
    case value(Int)
    /// Known by a name only, such as "N" for the number of rows in a batch.
    case symbol(String)
    /// Not known at all.
    case unknown
}

extension ONNXDimension: ExpressibleByIntegerLiteral {
    public init(integerLiteral value: Int) {
        self = .value(value)
    }
}

extension ONNXDimension: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) {
        self = .symbol(value)
    }
}
