/// A whole NumPy array: little-endian elements in row-major order, whatever the file's order was.
public struct NPYArray: Hashable, Sendable {
    /// The type of the elements.
    public let type: NPYType
    /// The extent of each axis; empty for a scalar.
    public let shape: [Int]
    /// `elementCount × type.size` bytes.
    public let bytes: [UInt8]

    /// An array of `bytes`, which must be as many as shape and type say.
    public init(type: NPYType, shape: [Int], bytes: [UInt8]) {
        precondition(bytes.count == shape.reduce(1, *) * type.size, "bytes that do not fit the shape")
        self.type = type
        self.shape = shape
        self.bytes = bytes
    }

    /// A float32 array in row-major order.
    public init(_ values: [Float], shape: [Int]) {
        self.init(type: .float32, shape: shape, bytes: values.withUnsafeBytes { Array($0) })
    }

    /// Reads a file's bytes.
    ///
    /// - Throws: ``ModelToolsError`` of code `format` that says what is wrong with the file.
    public init(parsing file: [UInt8]) throws(ModelToolsError) {
        let (head, text) = try NPYHeader.length(file)
        guard head + text <= file.count else {
            throw ModelToolsError(.format, "it ends within its header; copy it again")
        }
        let header = try NPYHeader(text: file[head..<head + text])
        let data = file[(head + text)...]
        guard let count = header.elementCount, let bytes = Self.byteCount(count, header.type), bytes <= data.count
        else {
            throw ModelToolsError(
                .format, "its header says \(header.type.name) \(header.shape), but \(data.count) bytes follow")
        }
        guard bytes == data.count else {
            throw ModelToolsError(.format, "\(data.count - bytes) bytes follow after its last element")
        }
        var elements = Array(data)
        if header.isBigEndian { elements.swapBytes(of: header.type.size) }
        if header.isFortranOrder {
            elements = Self.rowMajor(elements, shape: header.shape, size: header.type.size)
        }
        self.init(type: header.type, shape: header.shape, bytes: elements)
    }

    /// The file's bytes: format version 1.0, little-endian, row-major.
    public var encoded: [UInt8] { NPYHeader(type: type, shape: shape).encoded + bytes }

    static func byteCount(_ elements: Int, _ type: NPYType) -> Int? {
        let (bytes, overflow) = elements.multipliedReportingOverflow(by: type.size)
        return overflow ? nil : bytes
    }

    /// Turns elements whose first axis runs fastest into row-major order.
    private static func rowMajor(_ source: [UInt8], shape: [Int], size: Int) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(source.count)
        var strides = [Int](repeating: size, count: shape.count)
        for axis in shape.indices.dropFirst() { strides[axis] = strides[axis - 1] * shape[axis - 1] }
        var index = [Int](repeating: 0, count: shape.count)
        while result.count < source.count {
            let offset = zip(index, strides).reduce(0) { $0 + $1.0 * $1.1 }
            result += source[offset..<offset + size]
            var axis = shape.count - 1
            while axis >= 0 {
                index[axis] += 1
                if index[axis] < shape[axis] { break }
                index[axis] = 0
                axis -= 1
            }
        }
        return result
    }
}

extension [UInt8] {
    /// Reverses the bytes of each element of `size` bytes.
    mutating func swapBytes(of size: Int) {
        for start in stride(from: 0, to: count - size + 1, by: size) { self[start..<start + size].reverse() }
    }
}

extension NPYArray {
    /// The elements of an array of integers; nil for other types, and for numbers that are none of 64 bits.
    public var integers: [Int]? {
        func numbers<Number: FixedWidthInteger>(_: Number.Type) -> [Int]? {
            let found = bytes.withUnsafeBytes { raw in
                (0..<raw.count / type.size).map {
                    Int(
                        exactly: Number(
                            littleEndian: raw.loadUnaligned(fromByteOffset: type.size * $0, as: Number.self)))
                }
            }
            return found.contains(nil) ? nil : found.compactMap { $0 }
        }
        return switch type {
        case .int8: numbers(Int8.self)
        case .uint8: numbers(UInt8.self)
        case .int16: numbers(Int16.self)
        case .uint16: numbers(UInt16.self)
        case .int32: numbers(Int32.self)
        case .uint32: numbers(UInt32.self)
        case .int64: numbers(Int64.self)
        case .uint64: numbers(UInt64.self)
        case .bool, .float16, .float32, .float64: nil
        }
    }

    /// The elements of a float32 array.
    public var floats: [Float] {
        guard type == .float32 else { return [] }
        return bytes.withUnsafeBytes { raw in
            (0..<raw.count / 4).map { Float(bitPattern: raw.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)) }
        }
    }
}
