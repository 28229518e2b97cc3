/// What the elements of a tensor are. Raw values are those of ONNX's `TensorProto.DataType`.
public enum ElementType: UInt8, Sendable {
    case float32 = 1
    case uint8 = 2
    case int8 = 3
    case int16 = 5
    case int32 = 6
    case int64 = 7
    case bool = 9
    case float16 = 10
    case float64 = 11

    /// True for floating-point numbers.
    public var isFloating: Bool { self == .float32 || self == .float64 || self == .float16 }

    /// Bytes of one element.
    public var size: Int {
        switch self {
        case .uint8, .int8, .bool: 1
        case .int16, .float16: 2
        case .float32, .int32: 4
        case .int64, .float64: 8
        }
    }
}

/// Where a tensor's elements are.
public enum TensorKind: UInt8, Sendable {
    /// In the arena; the application writes it before each run.
    case input = 1
    /// In the arena; the application reads it after each run.
    case output = 2
    /// In the image's weights section; never written.
    case constant = 3
    /// In the arena; means something only between the operations that write and read it.
    case intermediate = 4
}

/// How a tensor's elements are ordered.
public enum TensorLayout: UInt8, Sendable {
    /// Row-major, the last dimension contiguous.
    case dense = 0
    /// Weights in column panels: see ``PanelLayout``.
    case panels = 1
    /// int8 weights in column panels and pairs of rows: see ``PairLayout``.
    case pairs = 2
}

extension TensorLayout {
    /// The elements that a tensor of `shape` takes in this layout; nil where the layout does not go with the shape.
    func elementCount(of shape: Shape) -> Int? {
        switch self {
        case .dense: shape.elementCount
        case .panels: PanelLayout.elementCount(of: shape)
        case .pairs: PairLayout.elementCount(of: shape)
        }
    }
}
