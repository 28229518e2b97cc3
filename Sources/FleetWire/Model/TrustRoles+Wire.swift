public import FleetModel

/// The payload of a COSE_Sign message, signed by the root with the context `roles`.
extension TrustRoles: WireMessage {
    public static let byteLimit = WireLimits.controlBytes

    private enum Key: UInt64, FieldKey {
        case number = 1
        case expires, releaseKeys, threshold
        static let message: StaticString = "roles"
    }

    public var cbor: CBOR {
        .fields([
            Key.number: .unsigned(number), .expires: .instant(expires),
            .releaseKeys: .array(releaseKeys.map(\.cbor)), .threshold: .integer(threshold),
        ])
    }

    /// The threshold is at least 1 and can be reached.
    public init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            number: try fields.unsigned(.number), expires: try fields.instant(.expires),
            releaseKeys: try fields.list(.releaseKeys, limit: WireLimits.keys, of: TrustedKey.init(cbor:)),
            threshold: try fields.integer(.threshold, in: 1...WireLimits.keys))
        guard threshold <= Set(releaseKeys.map(\.publicKey)).count else {
            throw WireError(.outOfRange, "roles.threshold: \(threshold) of \(releaseKeys.count) keys")
        }
    }
}

extension TrustedKey {
    /// Bytes of a raw Ed25519 public key (RFC 8032).
    private static let publicKeyBytes = 32

    private enum Key: UInt64, FieldKey {
        case id = 1
        case publicKey, holder
        static let message: StaticString = "key"
    }

    var cbor: CBOR { .fields([Key.id: .name(id), .publicKey: .bytes(publicKey), .holder: .text(holder)]) }

    init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            id: try fields.name(.id), publicKey: try fields.bytes(.publicKey, limit: Self.publicKeyBytes),
            holder: try fields.text(.holder))
        guard publicKey.count == Self.publicKeyBytes else {
            throw WireError(.outOfRange, "key.publicKey: \(publicKey.count) bytes")
        }
    }
}
