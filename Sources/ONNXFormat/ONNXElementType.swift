/// The type of a tensor's elements, with the numbers of `TensorProto.DataType` in onnx.proto.
public enum ONNXElementType: Int32, Hashable, Sendable, CaseIterable {
    case undefined = 0
    case float = 1
    case uint8 = 2
    case int8 = 3
    case uint16 = 4
    case int16 = 5
    case int32 = 6
    case int64 = 7
    case string = 8
    case bool = 9
    case float16 = 10
    case double = 11
    case uint32 = 12
    case uint64 = 13
    case complex64 = 14
    case complex128 = 15
    case bfloat16 = 16
    case float8e4m3fn = 17
    case float8e4m3fnuz = 18
    case float8e5m2 = 19
    case float8e5m2fnuz = 20
    case uint4 = 21
    case int4 = 22
    case float4e2m1 = 23
    case float8e8m0 = 24
    case uint2 = 25
    case int2 = 26

    /// Bits of one element in raw data; 0 for strings and undefined elements, which have no raw form.
    public var bitWidth: Int {
        switch self {
        case .undefined, .string: 0
        case .uint2, .int2: 2
        case .uint4, .int4, .float4e2m1: 4
        case .uint8, .int8, .bool, .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz, .float8e8m0: 8
        case .uint16, .int16, .float16, .bfloat16: 16
        case .float, .int32, .uint32: 32
        case .int64, .double, .uint64, .complex64: 64
        case .complex128: 128
        }
    }

    /// The element type with a number of the specification.
    init(number: Int64, offset: Int) throws(ONNXError) {
        guard let type = Int32(exactly: number).flatMap(ONNXElementType.init(rawValue:)) else {
            throw ONNXError(.unknownElementType, "there is no element type \(number)", offset: offset)
        }
        self = type
    }
}
