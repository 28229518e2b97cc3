package import FleetModel

/// The keys of one message (package-wide: a device's stored state is written with the same means): the raw value
/// travels, the case's name stands in errors.
@usableFromInline
package protocol FieldKey: RawRepresentable<UInt64>, Sendable {
    /// The message's name in errors.
    static var message: StaticString { get }
}

/// The entries of a message's map, read by key with the place of any error.
package struct Fields<Key: FieldKey> {
    private let entries: [CBOR.Entry]

    package init(_ item: CBOR, _: Key.Type = Key.self) throws(WireError) {
        guard case .map(let entries) = item else { throw WireError(.wrongType, "\(Key.message): expected a map") }
        self.entries = entries
    }

    // MARK: Any value

    /// Whether the key is there.
    package func has(_ key: Key) -> Bool { index(of: key) != nil }

    package func optional<Value>(
        _ key: Key, _ read: (CBOR) throws(WireError) -> Value
    ) throws(WireError) -> Value? {
        guard let index = index(of: key) else { return nil }
        do {
            return try read(entries[index].value)
        } catch {
            throw error.within("\(Key.message).\(key)")
        }
    }

    /// By index and pattern: copying entries and comparing whole items was a fifth of the time to read a message.
    private func index(of key: Key) -> Int? {
        let wanted = key.rawValue
        for index in entries.indices {
            if case .unsigned(wanted) = entries[index].key { return index }
        }
        return nil
    }

    package func value<Value>(_ key: Key, _ read: (CBOR) throws(WireError) -> Value) throws(WireError) -> Value {
        guard let value = try optional(key, read) else {
            throw WireError(.missingField, "\(Key.message).\(key) (key \(key.rawValue))")
        }
        return value
    }

    package func list<Value>(
        _ key: Key, limit: Int, of read: (CBOR) throws(WireError) -> Value
    ) throws(WireError) -> [Value] {
        try value(key) { item throws(WireError) in try item.asList(limit: limit, of: read) }
    }

    // MARK: The protocol's values

    package func bool(_ key: Key) throws(WireError) -> Bool {
        try value(key) { item throws(WireError) in try item.asBool() }
    }

    package func unsigned(_ key: Key) throws(WireError) -> UInt64 {
        try value(key) { item throws(WireError) in try item.asUnsigned() }
    }

    package func integer(_ key: Key, in range: ClosedRange<Int>) throws(WireError) -> Int {
        try value(key) { item throws(WireError) in try item.asInteger(in: range) }
    }

    package func instant(_ key: Key) throws(WireError) -> Instant {
        try value(key) { item throws(WireError) in try item.asInstant() }
    }

    package func float(_ key: Key) throws(WireError) -> Float {
        try value(key) { item throws(WireError) in try item.asFloat() }
    }

    package func floats(_ key: Key, limit: Int) throws(WireError) -> [Float] {
        try value(key) { item throws(WireError) in try item.asFloats(limit: limit) }
    }

    /// A share or probability, 0...1.
    package func share(_ key: Key) throws(WireError) -> Float {
        let share = try float(key)
        guard (0...1).contains(share) else {
            throw WireError(.outOfRange, "\(Key.message).\(key): \(share) is not in 0...1")
        }
        return share
    }

    package func text(_ key: Key, limit: Int = WireLimits.textBytes) throws(WireError) -> String {
        try value(key) { item throws(WireError) in try item.asText(limit: limit) }
    }

    package func texts(_ key: Key, limit: Int) throws(WireError) -> [String] {
        try list(key, limit: limit) { item throws(WireError) in try item.asText(limit: WireLimits.textBytes) }
    }

    package func name<Name: CheckedName>(_ key: Key) throws(WireError) -> Name {
        try value(key) { item throws(WireError) in try item.asName() }
    }

    package func digest(_ key: Key) throws(WireError) -> Digest {
        try value(key) { item throws(WireError) in try item.asDigest() }
    }

    package func digests(_ key: Key, limit: Int) throws(WireError) -> [Digest] {
        try list(key, limit: limit) { item throws(WireError) in try item.asDigest() }
    }

    package func optionalDigest(_ key: Key) throws(WireError) -> Digest? {
        try optional(key) { item throws(WireError) in try item.asDigest() }
    }

    package func bytes(_ key: Key, limit: Int) throws(WireError) -> [UInt8] {
        try value(key) { item throws(WireError) in try item.asBytes(limit: limit) }
    }

    package func choice<Choice: RawRepresentable<String>>(_ key: Key) throws(WireError) -> Choice {
        try value(key) { item throws(WireError) in try item.asChoice() }
    }

    package func version(_ key: Key) throws(WireError) -> VersionID {
        try value(key) { item throws(WireError) in try item.asVersion() }
    }

    package func counts(_ key: Key, limit: Int) throws(WireError) -> [UInt64] {
        try list(key, limit: limit) { item throws(WireError) in try item.asUnsigned() }
    }
}
