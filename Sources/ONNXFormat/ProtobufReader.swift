/// Counts the messages of a file against ``ONNXLimits/maximumMessages``; shared by a reader and the readers inside it.
struct MessageBudget {
    var remaining: Int
}

/// One field of a protobuf message, before its meaning is known.
struct ProtobufField {
    /// How the value is encoded (protobuf encoding guide, "wire types").
    enum WireType: UInt8 {
        case varint = 0
        case fixed64 = 1
        case bytes = 2
        case fixed32 = 5
    }

    let number: Int
    let wireType: WireType
    /// Where the field's key begins in the file.
    let offset: Int
    /// The value of a varint or fixed-width field.
    let scalar: UInt64
    /// The bytes of a length-delimited field, as a range of the file.
    let range: Range<Int>
}

/// Reads protobuf fields one by one from a range of a file, never past its end and never by a claimed size.
struct ProtobufReader {
    let bytes: [UInt8]
    let limits: ONNXLimits
    let depth: Int
    private(set) var position: Int
    let end: Int

    /// Reads a whole file.
    init(_ bytes: [UInt8], limits: ONNXLimits) throws(ONNXError) {
        guard bytes.count <= limits.maximumBytes else {
            throw ONNXError(
                .limitExceeded, "the file has \(bytes.count) bytes, more than maximumBytes \(limits.maximumBytes)")
        }
        self.bytes = bytes
        self.limits = limits
        self.depth = 0
        self.position = 0
        self.end = bytes.count
    }

    private init(_ parent: ProtobufReader, _ range: Range<Int>) {
        bytes = parent.bytes
        limits = parent.limits
        depth = parent.depth + 1
        position = range.lowerBound
        end = range.upperBound
    }

    /// A reader of the message inside `field`, one level deeper; counts against the budget.
    func message(_ field: ProtobufField, _ budget: inout MessageBudget) throws(ONNXError) -> ProtobufReader {
        try require(field, .bytes)
        guard depth < limits.maximumDepth else {
            throw ONNXError(
                .limitExceeded, "messages are nested deeper than maximumDepth \(limits.maximumDepth)",
                offset: field.offset)
        }
        guard budget.remaining > 0 else {
            throw ONNXError(
                .limitExceeded, "more messages than maximumMessages \(limits.maximumMessages)", offset: field.offset)
        }
        budget.remaining -= 1
        return ProtobufReader(self, field.range)
    }

    /// The next field, or `nil` at the end of the message.
    mutating func next() throws(ONNXError) -> ProtobufField? {
        guard position < end else { return nil }
        let start = position
        let key = try varint()
        guard let wireType = ProtobufField.WireType(rawValue: UInt8(key & 7)), key >> 3 > 0, key >> 3 < 1 << 29 else {
            throw ONNXError(.malformed, "a field key has wire type \(key & 7) and number \(key >> 3)", offset: start)
        }
        var scalar: UInt64 = 0
        var range = position..<position
        switch wireType {
        case .varint: scalar = try varint()
        case .fixed32: scalar = try fixed(4)
        case .fixed64: scalar = try fixed(8)
        case .bytes:
            let length = try varint()
            guard length <= UInt64(end - position) else {
                throw ONNXError(
                    .truncated, "a length of \(length) with \(end - position) bytes remaining", offset: start)
            }
            range = position..<position + Int(length)
            position = range.upperBound
        }
        return ProtobufField(
            number: Int(key >> 3), wireType: wireType, offset: start, scalar: scalar, range: range)
    }

    /// A base-128 number of at most ten bytes.
    private mutating func varint() throws(ONNXError) -> UInt64 {
        let start = position
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < end {
            let byte = bytes[position]
            position += 1
            guard shift < 63 || byte <= 1 else { break }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        throw ONNXError(
            position < end ? .malformed : .truncated, "a varint does not end within ten bytes", offset: start)
    }

    /// A little-endian number of `width` bytes.
    private mutating func fixed(_ width: Int) throws(ONNXError) -> UInt64 {
        guard end - position >= width else {
            throw ONNXError(.truncated, "a \(width)-byte number is cut short", offset: position)
        }
        var value: UInt64 = 0
        for index in 0..<width {
            value |= UInt64(bytes[position + index]) << UInt64(8 * index)
        }
        position += width
        return value
    }
}

// MARK: - Values of fields

extension ProtobufReader {
    func require(_ field: ProtobufField, _ wireType: ProtobufField.WireType) throws(ONNXError) {
        guard field.wireType == wireType else {
            throw ONNXError(
                .malformed, "field \(field.number) is \(field.wireType), not \(wireType)", offset: field.offset)
        }
    }

    func integer(_ field: ProtobufField) throws(ONNXError) -> Int64 {
        try require(field, .varint)
        return Int64(bitPattern: field.scalar)
    }

    func float(_ field: ProtobufField) throws(ONNXError) -> Float {
        try require(field, .fixed32)
        return Float(bitPattern: UInt32(truncatingIfNeeded: field.scalar))
    }

    func data(_ field: ProtobufField) throws(ONNXError) -> [UInt8] {
        try require(field, .bytes)
        return Array(bytes[field.range])
    }

    func text(_ field: ProtobufField) throws(ONNXError) -> String {
        try require(field, .bytes)
        guard field.range.count <= limits.maximumTextBytes else {
            throw ONNXError(
                .limitExceeded, "a text of \(field.range.count) bytes, more than maximumTextBytes", offset: field.offset
            )
        }
        guard let text = String(validating: bytes[field.range], as: UTF8.self) else {
            throw ONNXError(.invalidText, "field \(field.number) is not valid UTF-8", offset: field.offset)
        }
        return text
    }

    /// Appends the integers of a repeated field, which may be packed or single.
    func appendIntegers(_ field: ProtobufField, to values: inout [Int64]) throws(ONNXError) {
        guard field.wireType == .bytes else { return values.append(try integer(field)) }
        var inner = ProtobufReader(self, field.range)
        while inner.position < inner.end {
            values.append(Int64(bitPattern: try inner.varint()))
        }
    }

    /// Appends the numbers of a repeated fixed-width field (`width` 4 or 8), packed or single, as little-endian bytes.
    func appendFixed(_ field: ProtobufField, width: Int, to data: inout [UInt8]) throws(ONNXError) {
        guard field.wireType == .bytes else {
            try require(field, width == 4 ? .fixed32 : .fixed64)
            for index in 0..<width {
                data.append(UInt8(truncatingIfNeeded: field.scalar >> UInt64(8 * index)))
            }
            return
        }
        guard field.range.count % width == 0 else {
            throw ONNXError(
                .malformed, "\(field.range.count) packed bytes are not a multiple of \(width)", offset: field.offset)
        }
        data.append(contentsOf: bytes[field.range])
    }
}
