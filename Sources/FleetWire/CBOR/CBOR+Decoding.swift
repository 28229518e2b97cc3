extension CBOR {
    /// Reads one item that fills all of `bytes`.
    ///
    /// Only the deterministic form is read (RFC 8949, 4.2.1): one value has one encoding, so a digest or a signature
    /// over it is unambiguous, and the reader is smaller. Longer heads, longer floats, indefinite lengths and unsorted
    /// or repeated keys are refused. Memory stays within a constant times the input, whatever lengths it claims.
    public init(decoding bytes: [UInt8]) throws(WireError) {
        var decoder = CBORDecoder(bytes: bytes)
        self = try decoder.item(depth: 0)
        guard decoder.isAtEnd else { throw WireError(.trailingBytes, "after byte \(decoder.position)") }
    }
}

/// Walks over the bytes of one item; every read is checked against the end.
private struct CBORDecoder {
    let bytes: [UInt8]
    private(set) var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }
    private var remaining: Int { bytes.count - position }

    mutating func item(depth: Int) throws(WireError) -> CBOR {
        guard depth <= WireLimits.depth else { throw error(.tooDeep) }
        let first = try take(1)
        let information = first & 31
        switch first >> 5 {
        case UInt64(CBORMajor.unsigned): return .unsigned(try argument(information))
        case UInt64(CBORMajor.negative): return .negative(try argument(information))
        case UInt64(CBORMajor.bytes): return .bytes(Array(try run(try argument(information))))
        case UInt64(CBORMajor.text): return .text(try text(try argument(information)))
        case UInt64(CBORMajor.array): return .array(try items(try argument(information), depth: depth))
        case UInt64(CBORMajor.map): return .map(try entries(try argument(information), depth: depth))
        case UInt64(CBORMajor.tag): return .tagged(try argument(information), try item(depth: depth + 1))
        default: return try simpleOrFloat(information)
        }
    }

    /// The argument in its shortest form.
    private mutating func argument(_ information: UInt64) throws(WireError) -> UInt64 {
        switch information {
        case 0..<24: return information
        case 24: return try shortest(try take(1), above: 23)
        case 25: return try shortest(try take(2), above: 0xFF)
        case 26: return try shortest(try take(4), above: 0xFFFF)
        case 27: return try shortest(try take(8), above: 0xFFFF_FFFF)
        case 31: throw error(.notDeterministic, "indefinite length")
        default: throw error(.malformed, "reserved length")
        }
    }

    private func shortest(_ value: UInt64, above limit: UInt64) throws(WireError) -> UInt64 {
        guard value > limit else { throw error(.notDeterministic, "a number in more bytes than it needs") }
        return value
    }

    /// A big-endian number of `count` bytes.
    private mutating func take(_ count: Int) throws(WireError) -> UInt64 {
        guard count <= remaining else { throw error(.truncated) }
        var value: UInt64 = 0
        for index in position..<position + count { value = value << 8 | UInt64(bytes[index]) }
        position += count
        return value
    }

    private mutating func run(_ count: UInt64) throws(WireError) -> ArraySlice<UInt8> {
        guard count <= UInt64(remaining) else { throw error(.truncated) }
        defer { position += Int(count) }
        return bytes[position..<position + Int(count)]
    }

    private mutating func text(_ count: UInt64) throws(WireError) -> String {
        guard let text = String(validating: try run(count), as: UTF8.self) else {
            throw error(.malformed, "text that is not UTF-8")
        }
        return text
    }

    /// An item takes at least one byte, so a count above what remains is a lie: nothing is reserved for it.
    private mutating func items(_ count: UInt64, depth: Int) throws(WireError) -> [CBOR] {
        guard count <= UInt64(remaining) else { throw error(.truncated) }
        var items: [CBOR] = []
        items.reserveCapacity(Int(count))
        for _ in 0..<count { items.append(try item(depth: depth + 1)) }
        return items
    }

    private mutating func entries(_ count: UInt64, depth: Int) throws(WireError) -> [CBOR.Entry] {
        guard count <= UInt64(remaining / 2) else { throw error(.truncated) }
        var entries: [CBOR.Entry] = []
        entries.reserveCapacity(Int(count))
        var previous = position..<position
        for _ in 0..<count {
            let start = position
            let key = try item(depth: depth + 1)
            guard entries.isEmpty || bytes[previous].lexicographicallyPrecedes(bytes[start..<position]) else {
                throw error(.notDeterministic, "keys that do not rise")
            }
            previous = start..<position
            entries.append(CBOR.Entry(key: key, value: try item(depth: depth + 1)))
        }
        return entries
    }

    private mutating func simpleOrFloat(_ information: UInt64) throws(WireError) -> CBOR {
        switch information {
        case 0..<20: return .simple(UInt8(information))
        case 20, 21: return .bool(information == 21)
        case 22: return .null
        case 23: return .undefined
        case 24:
            let value = try take(1)
            guard value >= 32 else { throw error(.malformed, "a short simple value in two bytes") }
            return .simple(UInt8(value))
        case 25:
            let bits = UInt16(try take(2))
            let value = HalfPrecision.value(of: bits)
            return .float(try unchanged(value, HalfPrecision.bits(of: value) == bits))
        case 26:
            let value = Double(Float(bitPattern: UInt32(try take(4))))
            return .float(try unchanged(value, HalfPrecision.bits(of: value) == nil))
        case 27:
            let value = Double(bitPattern: try take(8))
            return .float(try unchanged(value, !value.isNaN && Double(Float(value)) != value))
        case 31: throw error(.malformed, "a break outside of an indefinite length")
        default: throw error(.malformed, "reserved simple value")
        }
    }

    private func unchanged(_ value: Double, _ isShortest: Bool) throws(WireError) -> Double {
        guard isShortest else { throw error(.notDeterministic, "a float in more bytes than it needs") }
        return value
    }

    private func error(_ code: WireError.Code, _ what: String = "") -> WireError {
        WireError(code, what.isEmpty ? "at byte \(position)" : "\(what), at byte \(position)")
    }
}
