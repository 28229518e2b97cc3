import ModelImage

/// Elements that are known when the model is compiled, as the image has them.
struct Constant: Equatable, Sendable {
    let elementType: ElementType
    /// The extent of each axis; may be empty.
    let shape: [Int]
    /// Little-endian, row-major: as many elements as the product of ``shape``.
    let bytes: [UInt8]

    init(elementType: ElementType, shape: [Int], bytes: [UInt8]) {
        self.elementType = elementType
        self.shape = shape
        self.bytes = bytes
    }

    init(floats: [Float], shape: [Int]) {
        self.init(elementType: .float32, shape: shape, bytes: floats.withUnsafeBytes { Array($0) })
    }

    /// Integers of any type, cut to its width.
    init(integers: [Int64], shape: [Int], elementType: ElementType = .int64) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(integers.count * elementType.size)
        for value in integers {
            for shift in 0..<elementType.size { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * Int64(shift)))) }
        }
        self.init(elementType: elementType, shape: shape, bytes: bytes)
    }

    var count: Int { shape.reduce(1, *) }

    /// The elements of a float32 constant; `nil` for other types.
    var floats: [Float]? {
        elementType == .float32 ? elements(Float.self).map { $0 } : nil
    }

    /// The elements of an integer or bool constant, widened; `nil` for other types.
    var integers: [Int64]? {
        switch elementType {
        case .int64: elements(Int64.self).map { $0 }
        case .int32: elements(Int32.self).map { Int64($0) }
        case .int16: elements(Int16.self).map { Int64($0) }
        case .int8: elements(Int8.self).map { Int64($0) }
        case .uint8: elements(UInt8.self).map { Int64($0) }
        case .bool: elements(UInt8.self).map { $0 == 0 ? 0 : 1 }
        case .float32, .float64, .float16: nil
        }
    }

    /// The elements as real numbers; `nil` for half precision.
    var reals: [Double]? {
        switch elementType {
        case .float32: elements(Float.self).map { Double($0) }
        case .float64: elements(Double.self).map { $0 }
        case .float16: nil
        default: integers?.map { Double($0) }
        }
    }

    /// The only element as a real number.
    var scalar: Double? { count == 1 ? reals?.first : nil }

    private func elements<Element: BitwiseCopyable>(_ type: Element.Type) -> [Element] {
        [Element](unsafeUninitializedCapacity: bytes.count / MemoryLayout<Element>.size) { buffer, count in
            count = bytes.count / MemoryLayout<Element>.size
            UnsafeMutableRawBufferPointer(buffer).copyBytes(from: bytes.prefix(count * MemoryLayout<Element>.size))
        }
    }

    /// The same elements under other extents, whose product must be the same.
    func reshaped(_ shape: [Int]) -> Constant {
        Constant(elementType: elementType, shape: shape, bytes: bytes)
    }

    /// The elements at `positions` of the row-major order, as a constant of `shape`.
    func gathered(_ positions: [Int], shape: [Int]) -> Constant {
        let size = elementType.size
        var moved: [UInt8] = []
        moved.reserveCapacity(positions.count * size)
        for position in positions { moved += bytes[position * size..<(position + 1) * size] }
        return Constant(elementType: elementType, shape: shape, bytes: moved)
    }

    /// Axis `i` of the result is axis `permutation[i]`.
    func transposed(_ permutation: [Int]) -> Constant {
        let strides = Extents.strides(shape)
        let target = permutation.map { shape[$0] }
        return gathered(
            Extents.positions(target, start: 0, strides: permutation.map { strides[$0] }), shape: target)
    }
}
