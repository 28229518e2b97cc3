public import ModelImage

/// The element types that NumPy files and the runtime share, by NumPy's letter and size.
public enum NPYType: String, Hashable, Sendable, CaseIterable {
    case bool = "b1"
    case int8 = "i1"
    case uint8 = "u1"
    case int16 = "i2"
    case uint16 = "u2"
    case int32 = "i4"
    case uint32 = "u4"
    case int64 = "i8"
    case uint64 = "u8"
    case float16 = "f2"
    case float32 = "f4"
    case float64 = "f8"

    /// Bytes of an element.
    public var size: Int {
        switch self {
        case .bool, .int8, .uint8: 1
        case .int16, .uint16, .float16: 2
        case .int32, .uint32, .float32: 4
        case .int64, .uint64, .float64: 8
        }
    }

    /// NumPy's name, as `array.astype(...)` takes it.
    public var name: String {
        switch self {
        case .bool: "bool"
        case .int8: "int8"
        case .uint8: "uint8"
        case .int16: "int16"
        case .uint16: "uint16"
        case .int32: "int32"
        case .uint32: "uint32"
        case .int64: "int64"
        case .uint64: "uint64"
        case .float16: "float16"
        case .float32: "float32"
        case .float64: "float64"
        }
    }

    /// The type as a file's header says it, little-endian.
    var descriptor: String { (size == 1 ? "|" : "<") + rawValue }

    /// The type of a tensor; nil for one that NumPy does not have. Numbers are those of ONNX's `TensorProto.DataType`.
    public init?(_ type: ElementType) {
        let known: [UInt8: NPYType] = [
            1: .float32, 2: .uint8, 3: .int8, 4: .uint16, 5: .int16, 6: .int32, 7: .int64, 9: .bool, 10: .float16,
            11: .float64, 12: .uint32, 13: .uint64,
        ]
        guard let type = known[type.rawValue] else { return nil }
        self = type
    }
}
