/// A constant tensor (`TensorProto`).
///
/// However a file stores the numbers, they are held as little-endian bytes in row-major order.
public struct ONNXTensor: Hashable, Sendable {
    /// What a tensor holds.
    public enum Content: Hashable, Sendable {
        /// Numbers: `ceil(elementCount × bitWidth / 8)` little-endian bytes.
        case raw([UInt8])
        /// Texts, not necessarily UTF-8.
        case strings([[UInt8]])
        /// Data in another file, described by keys such as `location`, `offset`, `length`.
        case external([ONNXMetadata])
    }

    /// The name of an initializer; often empty for a tensor inside an attribute.
    public var name: String
    /// The type of the elements.
    public var elementType: ONNXElementType
    /// The extent of each axis; empty for a scalar.
    public var dims: [Int]
    /// The elements.
    public var content: Content
    /// A note for people.
    public var documentation: String

    /// Creates a tensor; the caller vouches that `content` fits `dims` (see ``check()``).
    public init(
        name: String = "", elementType: ONNXElementType, dims: [Int], content: Content, documentation: String = ""
    ) {
        self.name = name
        self.elementType = elementType
        self.dims = dims
        self.content = content
        self.documentation = documentation
    }

    /// The number of elements, or `nil` if it does not fit an `Int` or a dimension is negative.
    public var elementCount: Int? {
        var count = 1
        for dim in dims {
            let (product, overflow) = count.multipliedReportingOverflow(by: dim)
            guard dim >= 0, !overflow else { return nil }
            count = product
        }
        return count
    }

    /// Throws ``ONNXError/Code/sizeMismatch`` unless dimensions and content agree.
    public func check() throws(ONNXError) {
        try check(offset: nil)
    }

    func check(offset: Int?) throws(ONNXError) {
        guard let count = elementCount else {
            throw ONNXError(.sizeMismatch, "tensor \"\(name)\" has impossible dimensions \(dims)", offset: offset)
        }
        switch content {
        case .raw(let bytes):
            let (bits, overflow) = count.multipliedReportingOverflow(by: elementType.bitWidth)
            guard !overflow, elementType.bitWidth > 0 || count == 0, bytes.count == (bits / 8 + (bits % 8 > 0 ? 1 : 0))
            else {
                throw ONNXError(
                    .sizeMismatch,
                    "tensor \"\(name)\" of \(elementType) \(dims) has \(bytes.count) bytes of data", offset: offset)
            }
        case .strings(let values):
            guard values.count == count, elementType == .string else {
                throw ONNXError(
                    .sizeMismatch, "tensor \"\(name)\" of \(elementType) \(dims) has \(values.count) texts",
                    offset: offset)
            }
        case .external:
            break
        }
    }
}

// MARK: - From Swift values

extension ONNXTensor {
    /// A `float` tensor in row-major order.
    public init(name: String = "", dims: [Int], floats: [Float]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(floats.count * 4)
        for value in floats { bytes.appendLittleEndian(value.bitPattern) }
        self.init(name: name, elementType: .float, dims: dims, content: .raw(bytes))
    }

    /// An `int64` tensor in row-major order.
    public init(name: String = "", dims: [Int], int64s: [Int64]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(int64s.count * 8)
        for value in int64s { bytes.appendLittleEndian(value) }
        self.init(name: name, elementType: .int64, dims: dims, content: .raw(bytes))
    }

    /// An `int32` tensor in row-major order.
    public init(name: String = "", dims: [Int], int32s: [Int32]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(int32s.count * 4)
        for value in int32s { bytes.appendLittleEndian(value) }
        self.init(name: name, elementType: .int32, dims: dims, content: .raw(bytes))
    }
}

// MARK: - To Swift values

extension ONNXTensor {
    /// The elements of a `float`, `double`, `float16` or `bfloat16` tensor, rounded to single precision.
    ///
    /// Throws ``ONNXError/Code/wrongType`` for other types and ``ONNXError/Code/externalData`` when the data is elsewhere.
    public func floats() throws(ONNXError) -> [Float] {
        let bytes = try rawBytes()
        switch elementType {
        case .float: return bytes.littleEndianValues(UInt32.self).map { Float(bitPattern: $0) }
        case .double: return bytes.littleEndianValues(UInt64.self).map { Float(Double(bitPattern: $0)) }
        case .float16: return bytes.littleEndianValues(UInt16.self).map { Float(halfBits: $0) }
        case .bfloat16: return bytes.littleEndianValues(UInt16.self).map { Float(bitPattern: UInt32($0) << 16) }
        default: throw ONNXError(.wrongType, "tensor \"\(name)\" holds \(elementType), not floating-point numbers")
        }
    }

    /// The elements of an integer or `bool` tensor of 8 to 64 bits, widened to `Int64`.
    ///
    /// Throws ``ONNXError/Code/wrongType`` for other types, and for `uint64` values above `Int64.max`.
    public func integers() throws(ONNXError) -> [Int64] {
        let bytes = try rawBytes()
        switch elementType {
        case .int64: return bytes.littleEndianValues(Int64.self)
        case .int32: return bytes.littleEndianValues(Int32.self).map(Int64.init)
        case .uint32: return bytes.littleEndianValues(UInt32.self).map(Int64.init)
        case .int16: return bytes.littleEndianValues(Int16.self).map(Int64.init)
        case .uint16: return bytes.littleEndianValues(UInt16.self).map(Int64.init)
        case .int8: return bytes.littleEndianValues(Int8.self).map(Int64.init)
        case .uint8, .bool: return bytes.map(Int64.init)
        case .uint64:
            let values = bytes.littleEndianValues(UInt64.self)
            guard values.allSatisfy({ $0 <= UInt64(Int64.max) }) else {
                throw ONNXError(.wrongType, "tensor \"\(name)\" holds a value above the largest 64-bit signed integer")
            }
            return values.map { Int64($0) }
        default: throw ONNXError(.wrongType, "tensor \"\(name)\" holds \(elementType), not integers")
        }
    }

    /// The little-endian bytes of the elements, after ``check()``.
    public func rawBytes() throws(ONNXError) -> [UInt8] {
        try check()
        switch content {
        case .raw(let bytes): return bytes
        case .strings: throw ONNXError(.wrongType, "tensor \"\(name)\" holds texts")
        case .external:
            throw ONNXError(
                .externalData, "the data of tensor \"\(name)\" lies in another file; save the model as a single file")
        }
    }
}

// MARK: - Bytes

extension [UInt8] {
    mutating func appendLittleEndian(_ value: some FixedWidthInteger) {
        for shift in stride(from: 0, to: value.bitWidth, by: 8) {
            append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    /// The bytes as little-endian numbers; a rest that fills no number is left out.
    func littleEndianValues<Value: FixedWidthInteger>(_: Value.Type) -> [Value] {
        let width = Value.bitWidth / 8
        return withUnsafeBytes { source in
            (0..<source.count / width).map { index in
                Value(littleEndian: source.loadUnaligned(fromByteOffset: index * width, as: Value.self))
            }
        }
    }
}

extension Float {
    /// The number with the bits of an IEEE 754 binary16. `Float16` itself is missing on some platforms.
    init(halfBits bits: UInt16) {
        let sign = UInt32(bits & 0x8000) << 16
        let exponent = UInt32(bits >> 10 & 0x1F)
        let fraction = UInt32(bits & 0x3FF)
        switch exponent {
        case 0:
            let magnitude = Float(fraction) * 0x1p-24
            self = sign == 0 ? magnitude : -magnitude
        case 31: self = Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
        default: self = Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
        }
    }

    /// The bits of the nearest IEEE 754 binary16, ties to even; infinite from 65,520 on.
    var halfBits: UInt16 {
        let sign = UInt16(truncatingIfNeeded: bitPattern >> 16) & 0x8000
        let magnitude = bitPattern & 0x7FFF_FFFF
        if isNaN { return sign | 0x7E00 }
        if magnitude >= 0x477F_F000 { return sign | 0x7C00 }
        if magnitude < 0x3880_0000 {
            return sign | UInt16((Float(bitPattern: magnitude) * 0x1p24).rounded(.toNearestOrEven))
        }
        let rounded = magnitude + 0xFFF + (magnitude >> 13 & 1)
        return sign | UInt16((rounded - 0x3800_0000) >> 13)
    }
}

extension ONNXTensor {
    /// The largest number of a half-precision tensor.
    public static let largestHalf: Float = 65_504

    /// A half-precision tensor in row-major order, each element rounded to the nearest; larger numbers than
    /// ``largestHalf`` become infinite.
    public init(name: String, dims: [Int], halves: [Float]) {
        let bytes = halves.flatMap { value in
            let bits = value.halfBits
            return [UInt8(truncatingIfNeeded: bits), UInt8(truncatingIfNeeded: bits >> 8)]
        }
        self.init(name: name, elementType: .float16, dims: dims, content: .raw(bytes))
    }
}
