package import FleetModel

/// The protocol's values as CBOR items, and back with every bound checked.
extension CBOR {
    /// Little-endian 32-bit floats in a byte string (RFC 8746, 2.1).
    static let floatArrayTag: UInt64 = 85

    // MARK: Writing

    /// A map with the integer keys of `Key`; a nil value leaves its key out.
    ///
    /// Inlinable: generic for another module's keys, it cost more than encoding the map that it makes.
    @inlinable
    package static func fields<Key: FieldKey>(_ entries: KeyValuePairs<Key, CBOR?>) -> CBOR {
        var map: [Entry] = []
        map.reserveCapacity(entries.count)
        // By index: an iterator of generic pairs costs more than the entries.
        for index in 0..<entries.count {
            let (key, value) = entries[index]
            if let value { map.append(Entry(key: .unsigned(key.rawValue), value: value)) }
        }
        return .map(map)
    }

    package static func name(_ name: some CheckedName) -> CBOR { .text(name.text) }
    package static func digest(_ digest: Digest) -> CBOR { .bytes(digest.bytes) }
    package static func instant(_ instant: Instant) -> CBOR { .integer(Int(instant.milliseconds)) }
    static func float(_ value: Float) -> CBOR { .float(Double(value)) }
    /// A count, cut to what a message can say.
    package static func count(_ count: UInt64) -> CBOR { .unsigned(min(count, WireLimits.integer)) }
    package static func counts(_ counts: [UInt64]) -> CBOR { .array(counts.map(count)) }
    package static func texts(_ texts: [String]) -> CBOR { .array(texts.map { .text($0) }) }
    package static func version(_ version: VersionID) -> CBOR {
        .array([.name(version.model), .integer(version.number)])
    }

    /// Packed floats, bit for bit.
    package static func floats(_ values: [Float]) -> CBOR {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(4 * values.count)
        for value in values {
            let bits = value.bitPattern
            for shift: UInt32 in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: bits >> shift)) }
        }
        return .tagged(floatArrayTag, .bytes(bytes))
    }

    // MARK: Reading

    package func asBool() throws(WireError) -> Bool {
        guard case .bool(let value) = self else { throw WireError(.wrongType, "expected a Boolean") }
        return value
    }

    package func asUnsigned() throws(WireError) -> UInt64 {
        guard case .unsigned(let value) = self else { throw WireError(.wrongType, "expected an unsigned integer") }
        guard value <= WireLimits.integer else { throw WireError(.outOfRange, "\(value)") }
        return value
    }

    package func asInteger(in range: ClosedRange<Int>) throws(WireError) -> Int {
        let value: Int
        switch self {
        case .unsigned(let magnitude) where magnitude <= WireLimits.integer: value = Int(magnitude)
        case .negative(let magnitude) where magnitude <= WireLimits.integer: value = -1 - Int(magnitude)
        case .unsigned, .negative: throw WireError(.outOfRange, "an integer beyond 53 bits")
        default: throw WireError(.wrongType, "expected an integer")
        }
        guard range.contains(value) else { throw WireError(.outOfRange, "\(value) is not in \(range)") }
        return value
    }

    package func asInstant() throws(WireError) -> Instant {
        Instant(milliseconds: Int64(try asInteger(in: -Int(WireLimits.integer)...Int(WireLimits.integer))))
    }

    package func asDouble() throws(WireError) -> Double {
        guard case .float(let value) = self else { throw WireError(.wrongType, "expected a float") }
        return value
    }

    package func asFloat() throws(WireError) -> Float { Float(try asDouble()) }

    /// Text of at most `limit` UTF-8 bytes.
    package func asText(limit: Int) throws(WireError) -> String {
        guard case .text(let value) = self else { throw WireError(.wrongType, "expected text") }
        guard value.utf8.count <= limit else { throw WireError(.tooLarge, "text above \(limit) bytes") }
        return value
    }

    package func asName<Name: CheckedName>() throws(WireError) -> Name {
        let text = try asText(limit: CheckedNameLimits.length)
        guard Name.isValid(text) else { throw WireError(.outOfRange, "'\(text)' is not a name") }
        return Name(unchecked: text)
    }

    package func asBytes(limit: Int) throws(WireError) -> [UInt8] {
        guard case .bytes(let value) = self else { throw WireError(.wrongType, "expected bytes") }
        guard value.count <= limit else { throw WireError(.tooLarge, "\(value.count) bytes, at most \(limit)") }
        return value
    }

    package func asDigest() throws(WireError) -> Digest {
        guard case .bytes(let bytes) = self else { throw WireError(.wrongType, "expected a digest") }
        guard let digest = Digest(bytes) else { throw WireError(.outOfRange, "a digest of \(bytes.count) bytes") }
        return digest
    }

    /// An array of at most `limit` items.
    package func asArray(limit: Int) throws(WireError) -> [CBOR] {
        guard case .array(let items) = self else { throw WireError(.wrongType, "expected an array") }
        guard items.count <= limit else { throw WireError(.tooLarge, "\(items.count) items, at most \(limit)") }
        return items
    }

    /// An array of exactly `count` items.
    package func asTuple(_ count: Int) throws(WireError) -> [CBOR] {
        let items = try asArray(limit: count)
        guard items.count == count else { throw WireError(.outOfRange, "\(items.count) items instead of \(count)") }
        return items
    }

    package func asList<Value>(limit: Int, of read: (CBOR) throws(WireError) -> Value) throws(WireError) -> [Value] {
        var values: [Value] = []
        for item in try asArray(limit: limit) { values.append(try read(item)) }
        return values
    }

    /// Packed floats, at most `limit` of them.
    package func asFloats(limit: Int) throws(WireError) -> [Float] {
        guard case .tagged(Self.floatArrayTag, .bytes(let bytes)) = self else {
            throw WireError(.wrongType, "expected packed floats (tag \(Self.floatArrayTag))")
        }
        guard bytes.count.isMultiple(of: 4) else { throw WireError(.malformed, "packed floats cut short") }
        guard bytes.count / 4 <= limit else {
            throw WireError(.tooLarge, "\(bytes.count / 4) floats, at most \(limit)")
        }
        return stride(from: 0, to: bytes.count, by: 4).map { start in
            Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * UInt32($1)) })
        }
    }

    /// One of the texts of a closed set.
    package func asChoice<Choice: RawRepresentable<String>>() throws(WireError) -> Choice {
        let text = try asText(limit: WireLimits.textBytes)
        guard let choice = Choice(rawValue: text) else { throw WireError(.outOfRange, "'\(text)' is not known") }
        return choice
    }

    package func asVersion() throws(WireError) -> VersionID {
        let items = try asTuple(2)
        return VersionID(model: try items[0].asName(), number: try items[1].asInteger(in: 1...Int(UInt32.max)))
    }

    /// A half-open range `[start, end]`, not empty.
    package func asRange() throws(WireError) -> Range<UInt64> {
        let items = try asTuple(2)
        let (start, end) = (try items[0].asUnsigned(), try items[1].asUnsigned())
        guard start < end else { throw WireError(.outOfRange, "an empty range \(start)..<\(end)") }
        return start..<end
    }
}
