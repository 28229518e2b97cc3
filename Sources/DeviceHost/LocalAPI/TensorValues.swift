/// Values of one input of an inference request: JSON numbers, nested or flat, or little-endian bytes.
enum TensorValues {
    /// Element types that the Open Inference Protocol names and this device reads, with their sizes in bytes.
    static let byteSizes = [
        "FP32": 4, "FP64": 8, "INT8": 1, "UINT8": 1, "INT16": 2, "UINT16": 2, "INT32": 4, "UINT32": 4, "INT64": 8,
        "BOOL": 1,
    ]

    /// Reads JSON data of at most `limit` values; nil if something in it is no number or no list.
    static func read(_ data: JSON, limit: Int) -> [Float]? {
        var values: [Float] = []
        return append(data, to: &values, limit: limit) ? values : nil
    }

    private static func append(_ data: JSON, to values: inout [Float], limit: Int) -> Bool {
        switch data {
        case .number(let number):
            values.append(Float(number))
            return values.count <= limit
        case .bool(let flag):
            values.append(flag ? 1 : 0)
            return values.count <= limit
        case .null:
            // JSON has no way to say "not a number"; a missing reading is counted as such.
            values.append(.nan)
            return values.count <= limit
        case .array(let items): return items.allSatisfy { append($0, to: &values, limit: limit) }
        case .string, .object: return false
        }
    }

    /// Reads little-endian bytes; nil for a type or a number of bytes that does not fit.
    static func read(_ bytes: ArraySlice<UInt8>, type: String) -> [Float]? {
        guard let size = byteSizes[type], bytes.count % size == 0 else { return nil }
        return stride(from: bytes.startIndex, to: bytes.endIndex, by: size).map { start in
            let bits = bytes[start..<start + size].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return value(bits, type: type)
        }
    }

    private static func value(_ bits: UInt64, type: String) -> Float {
        switch type {
        case "FP32": Float(bitPattern: UInt32(truncatingIfNeeded: bits))
        case "FP64": Float(Double(bitPattern: bits))
        case "INT8": Float(Int8(truncatingIfNeeded: bits))
        case "INT16": Float(Int16(truncatingIfNeeded: bits))
        case "INT32": Float(Int32(truncatingIfNeeded: bits))
        case "INT64": Float(Int64(bitPattern: bits))
        default: Float(bits)
        }
    }

    /// Little-endian bytes of floats.
    static func bytes(of values: [Float]) -> [UInt8] {
        values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt32($0))) } }
    }

    /// Texts as the protocol packs BYTES: four bytes of length, then the text.
    static func bytes(of texts: [String]) -> [UInt8] {
        texts.flatMap { text in
            let count = UInt32(text.utf8.count)
            return (0..<4).map { UInt8(truncatingIfNeeded: count >> (8 * UInt32($0))) } + Array(text.utf8)
        }
    }
}
