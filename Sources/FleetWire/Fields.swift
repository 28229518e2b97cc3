import FleetModel

/// The keys of one message: the raw value travels, the case's name stands in errors.
protocol FieldKey: RawRepresentable<UInt64>, Sendable {
    /// The message's name in errors.
    static var message: StaticString { get }
}

/// The entries of a message's map, read by key with the place of any error.
struct Fields<Key: FieldKey> {
    private let entries: [CBOR.Entry]

    init(_ item: CBOR, _: Key.Type = Key.self) throws(WireError) {
        guard case .map(let entries) = item else { throw WireError(.wrongType, "\(Key.message): expected a map") }
        self.entries = entries
    }

    // MARK: Any value

    func optional<Value>(
        _ key: Key, _ read: (CBOR) throws(WireError) -> Value
    ) throws(WireError) -> Value? {
        guard let item = entries.first(where: { $0.key == .unsigned(key.rawValue) })?.value else { return nil }
        do {
            return try read(item)
        } catch {
            throw error.within("\(Key.message).\(key)")
        }
    }

    func value<Value>(_ key: Key, _ read: (CBOR) throws(WireError) -> Value) throws(WireError) -> Value {
        guard let value = try optional(key, read) else {
            throw WireError(.missingField, "\(Key.message).\(key) (key \(key.rawValue))")
        }
        return value
    }

    func list<Value>(
        _ key: Key, limit: Int, of read: (CBOR) throws(WireError) -> Value
    ) throws(WireError) -> [Value] {
        try value(key) { item throws(WireError) in try item.asList(limit: limit, of: read) }
    }

    // MARK: The protocol's values

    func bool(_ key: Key) throws(WireError) -> Bool { try value(key) { item throws(WireError) in try item.asBool() } }

    func unsigned(_ key: Key) throws(WireError) -> UInt64 {
        try value(key) { item throws(WireError) in try item.asUnsigned() }
    }

    func integer(_ key: Key, in range: ClosedRange<Int>) throws(WireError) -> Int {
        try value(key) { item throws(WireError) in try item.asInteger(in: range) }
    }

    func instant(_ key: Key) throws(WireError) -> Instant {
        try value(key) { item throws(WireError) in try item.asInstant() }
    }

    func float(_ key: Key) throws(WireError) -> Float {
        try value(key) { item throws(WireError) in try item.asFloat() }
    }

    func floats(_ key: Key, limit: Int) throws(WireError) -> [Float] {
        try value(key) { item throws(WireError) in try item.asFloats(limit: limit) }
    }

    /// A share or probability, 0...1.
    func share(_ key: Key) throws(WireError) -> Float {
        let share = try float(key)
        guard (0...1).contains(share) else {
            throw WireError(.outOfRange, "\(Key.message).\(key): \(share) is not in 0...1")
        }
        return share
    }

    func text(_ key: Key, limit: Int = WireLimits.textBytes) throws(WireError) -> String {
        try value(key) { item throws(WireError) in try item.asText(limit: limit) }
    }

    func texts(_ key: Key, limit: Int) throws(WireError) -> [String] {
        try list(key, limit: limit) { item throws(WireError) in try item.asText(limit: WireLimits.textBytes) }
    }

    func name<Name: CheckedName>(_ key: Key) throws(WireError) -> Name {
        try value(key) { item throws(WireError) in try item.asName() }
    }

    func digest(_ key: Key) throws(WireError) -> Digest {
        try value(key) { item throws(WireError) in try item.asDigest() }
    }

    func digests(_ key: Key, limit: Int) throws(WireError) -> [Digest] {
        try list(key, limit: limit) { item throws(WireError) in try item.asDigest() }
    }

    func optionalDigest(_ key: Key) throws(WireError) -> Digest? {
        try optional(key) { item throws(WireError) in try item.asDigest() }
    }

    func bytes(_ key: Key, limit: Int) throws(WireError) -> [UInt8] {
        try value(key) { item throws(WireError) in try item.asBytes(limit: limit) }
    }

    func choice<Choice: RawRepresentable<String>>(_ key: Key) throws(WireError) -> Choice {
        try value(key) { item throws(WireError) in try item.asChoice() }
    }

    func version(_ key: Key) throws(WireError) -> VersionID {
        try value(key) { item throws(WireError) in try item.asVersion() }
    }

    func counts(_ key: Key, limit: Int) throws(WireError) -> [UInt64] {
        try list(key, limit: limit) { item throws(WireError) in try item.asUnsigned() }
    }
}
