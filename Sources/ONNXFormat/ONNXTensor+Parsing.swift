/// The places in which a `TensorProto` may keep its numbers.
private struct TensorParts {
    var raw: [UInt8]?
    var floats: [UInt8] = []
    var doubles: [UInt8] = []
    var int32s: [Int64] = []
    var int64s: [Int64] = []
    var uint64s: [Int64] = []
    var strings: [[UInt8]] = []
    var external: [ONNXMetadata] = []
    var isExternal = false

    /// Takes in a field that carries elements; says whether it was one.
    mutating func take(
        _ field: ProtobufField, of reader: ProtobufReader, _ budget: inout MessageBudget
    ) throws(ONNXError) -> Bool {
        switch field.number {
        case 4: try reader.appendFixed(field, width: 4, to: &floats)
        case 5: try reader.appendIntegers(field, to: &int32s)
        case 6: strings.append(try reader.data(field))
        case 7: try reader.appendIntegers(field, to: &int64s)
        case 9: raw = try reader.data(field)
        case 10: try reader.appendFixed(field, width: 8, to: &doubles)
        case 11: try reader.appendIntegers(field, to: &uint64s)
        case 13: external.append(try ONNXMetadata(reader.message(field, &budget)))
        case 14: isExternal = try reader.integer(field) == 1
        default: return false
        }
        return true
    }

    /// The elements as little-endian bytes or texts, wherever the file had them.
    func content(_ type: ONNXElementType) -> ONNXTensor.Content {
        if isExternal { return .external(external) }
        if type == .string { return .strings(strings) }
        if let raw { return .raw(raw) }
        switch type {
        case .float, .complex64: return .raw(floats)
        case .double, .complex128: return .raw(doubles)
        case .int64: return .raw(Self.bytes(int64s, width: 8))
        case .uint32: return .raw(Self.bytes(uint64s, width: 4))
        case .uint64: return .raw(Self.bytes(uint64s, width: 8))
        // Narrower numbers stand one to an int32, 4-bit and 2-bit ones packed into bytes first.
        default: return .raw(Self.bytes(int32s, width: max(1, type.bitWidth / 8)))
        }
    }

    private static func bytes(_ values: [Int64], width: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.count * width)
        for value in values {
            for shift in stride(from: 0, to: 8 * width, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: value >> Int64(shift)))
            }
        }
        return bytes
    }
}

extension ONNXTensor {
    /// Reads a tensor from the bytes of a file that holds one `TensorProto`, such as `input_0.pb` of a test case.
    public init(parsing bytes: [UInt8], limits: ONNXLimits = ONNXLimits()) throws(ONNXError) {
        let reader = try ProtobufReader(bytes, limits: limits)
        var budget = MessageBudget(remaining: limits.maximumMessages)
        try self.init(reader, &budget)
    }

    init(_ source: ProtobufReader, _ budget: inout MessageBudget) throws(ONNXError) {
        var reader = source
        let start = reader.position
        var parts = TensorParts()
        var dims: [Int64] = []
        self.init(elementType: .undefined, dims: [], content: .raw([]))
        while let field = try reader.next() {
            if try parts.take(field, of: reader, &budget) { continue }
            switch field.number {
            case 1: try reader.appendIntegers(field, to: &dims)
            case 2: elementType = try ONNXElementType(number: reader.integer(field), offset: field.offset)
            case 3: throw ONNXError(.malformed, "tensors in segments are not supported", offset: field.offset)
            case 8: name = try reader.text(field)
            case 12: documentation = try reader.text(field)
            default: break
            }
        }
        self.dims = try checkedDimensions(dims, limits: reader.limits, offset: start)
        content = parts.content(elementType)
        try check(offset: start)
    }
}

extension ONNXSparseTensor {
    init(_ source: ProtobufReader, _ budget: inout MessageBudget) throws(ONNXError) {
        var reader = source
        let start = reader.position
        var values: ONNXTensor?
        var indices: ONNXTensor?
        var dims: [Int64] = []
        while let field = try reader.next() {
            switch field.number {
            case 1: values = try ONNXTensor(reader.message(field, &budget), &budget)
            case 2: indices = try ONNXTensor(reader.message(field, &budget), &budget)
            case 3: try reader.appendIntegers(field, to: &dims)
            default: break
            }
        }
        guard let values, let indices else {
            throw ONNXError(.missing, "a sparse tensor lacks its values or its indices", offset: start)
        }
        self.init(
            values: values, indices: indices,
            dims: try checkedDimensions(dims, limits: reader.limits, offset: start))
    }
}

/// Dimensions that are not negative, and not more than the limit.
private func checkedDimensions(_ dims: [Int64], limits: ONNXLimits, offset: Int) throws(ONNXError) -> [Int] {
    guard dims.count <= limits.maximumRank else {
        throw ONNXError(
            .limitExceeded, "a tensor of \(dims.count) dimensions, more than maximumRank \(limits.maximumRank)",
            offset: offset)
    }
    guard dims.allSatisfy({ $0 >= 0 }) else {
        throw ONNXError(.sizeMismatch, "a tensor has a negative dimension in \(dims)", offset: offset)
    }
    return dims.map { Int($0) }
}
