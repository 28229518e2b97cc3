extension CBOR {
    /// The deterministic form (RFC 8949, 4.2.1): shortest heads and floats, definite lengths, keys in the bytewise order
    /// of their encodings. The keys of a map must differ; decoders refuse a repeated one.
    public func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return bytes
    }

    private func append(to output: inout [UInt8]) {
        switch self {
        case .unsigned(let value): Self.head(CBORMajor.unsigned, value, to: &output)
        case .negative(let value): Self.head(CBORMajor.negative, value, to: &output)
        case .bytes(let bytes):
            Self.head(CBORMajor.bytes, UInt64(bytes.count), to: &output)
            output += bytes
        case .text(let text):
            Self.head(CBORMajor.text, UInt64(text.utf8.count), to: &output)
            output += text.utf8
        case .array(let items):
            Self.head(CBORMajor.array, UInt64(items.count), to: &output)
            for item in items { item.append(to: &output) }
        case .map(let entries):
            Self.head(CBORMajor.map, UInt64(entries.count), to: &output)
            guard !Self.areRising(entries) else {
                for entry in entries {
                    entry.key.append(to: &output)
                    entry.value.append(to: &output)
                }
                return
            }
            for entry in Self.sorted(entries) {
                output += entry.key
                entry.value.append(to: &output)
            }
        case .tagged(let tag, let item):
            Self.head(CBORMajor.tag, tag, to: &output)
            item.append(to: &output)
        case .simple(let value): Self.head(CBORMajor.simple, UInt64(value), to: &output)
        case .bool(let value): output.append(value ? 0xF5 : 0xF4)
        case .null: output.append(0xF6)
        case .undefined: output.append(0xF7)
        case .float(let value): Self.float(value, to: &output)
        }
    }

    /// The first byte and the argument in the fewest bytes that hold it. (For simple values below 256 this is their
    /// encoding too.)
    private static func head(_ major: UInt8, _ argument: UInt64, to output: inout [UInt8]) {
        let first = major << 5
        switch argument {
        case 0..<24: output.append(first | UInt8(argument))
        case 24...0xFF: output += [first | 24, UInt8(argument)]
        case 0x100...0xFFFF:
            output.append(first | 25)
            bigEndian(argument, count: 2, to: &output)
        case 0x1_0000...0xFFFF_FFFF:
            output.append(first | 26)
            bigEndian(argument, count: 4, to: &output)
        default:
            output.append(first | 27)
            bigEndian(argument, count: 8, to: &output)
        }
    }

    private static func float(_ value: Double, to output: inout [UInt8]) {
        if let half = HalfPrecision.bits(of: value) {
            output.append(0xF9)
            bigEndian(UInt64(half), count: 2, to: &output)
        } else if Double(Float(value)) == value {
            output.append(0xFA)
            bigEndian(UInt64(Float(value).bitPattern), count: 4, to: &output)
        } else {
            output.append(0xFB)
            bigEndian(value.bitPattern, count: 8, to: &output)
        }
    }

    private static func bigEndian(_ value: UInt64, count: UInt64, to output: inout [UInt8]) {
        for index in 0..<count { output.append(UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - index)))) }
    }

    /// Whether the keys are numbers in their order, as messages write them: their encodings are in it too.
    private static func areRising(_ entries: [Entry]) -> Bool {
        var last: UInt64?
        for entry in entries {
            guard case .unsigned(let key) = entry.key else { return false }
            if let last, key <= last { return false }
            last = key
        }
        return true
    }

    private static func sorted(_ entries: [Entry]) -> [(key: [UInt8], value: CBOR)] {
        entries.map { (key: $0.key.encoded(), value: $0.value) }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }
}
