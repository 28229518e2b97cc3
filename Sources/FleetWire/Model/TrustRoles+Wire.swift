public import FleetModel

/// The payload of a COSE_Sign message, signed by the root with the context `roles`.
extension TrustRoles: WireMessage {
    public static let byteLimit = WireLimits.controlBytes

    private enum Key: UInt64, FieldKey {
        case number = 1
        case expires, releaseKeys, threshold, rotations, timeKeys, delegations
        static let message: StaticString = "roles"
    }

    public var cbor: CBOR {
        .fields([
            Key.number: .unsigned(number), .expires: .instant(expires),
            .releaseKeys: .array(releaseKeys.map(\.cbor)), .threshold: .integer(threshold),
            .rotations: .array(rotations.map(CBOR.bytes)), .timeKeys: .array(timeKeys.map(\.cbor)),
            .delegations: .array(delegations.map(\.cbor)),
        ])
    }

    /// The threshold is at least 1 and can be reached.
    public init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            number: try fields.unsigned(.number), expires: try fields.instant(.expires),
            releaseKeys: try fields.list(.releaseKeys, limit: WireLimits.keys, of: TrustedKey.init(cbor:)),
            threshold: try fields.integer(.threshold, in: 1...WireLimits.keys),
            rotations: try fields.list(.rotations, limit: WireLimits.rotations) { (item) throws(WireError) in
                try item.asBytes(limit: WireLimits.rotationBytes)
            },
            timeKeys: try fields.list(.timeKeys, limit: WireLimits.keys, of: TrustedKey.init(cbor:)),
            delegations: try fields.list(.delegations, limit: WireLimits.keys, of: Delegation.init(cbor:)))
        guard threshold <= Set(releaseKeys.map(\.publicKey)).count else {
            throw WireError(.outOfRange, "roles.threshold: \(threshold) of \(releaseKeys.count) keys")
        }
    }
}

extension TrustedKey: WireMessage {
    public static let byteLimit = WireLimits.rotationBytes
    /// Bytes of a raw Ed25519 public key (RFC 8032).
    private static let publicKeyBytes = 32

    private enum Key: UInt64, FieldKey {
        case id = 1
        case publicKey, holder
        static let message: StaticString = "key"
    }

    public var cbor: CBOR { .fields([Key.id: .name(id), .publicKey: .bytes(publicKey), .holder: .text(holder)]) }

    public init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            id: try fields.name(.id), publicKey: try fields.bytes(.publicKey, limit: Self.publicKeyBytes),
            holder: try fields.text(.holder))
        guard publicKey.count == Self.publicKeyBytes else {
            throw WireError(.outOfRange, "key.publicKey: \(publicKey.count) bytes")
        }
    }
}

/// The payload of a COSE_Sign message, signed by two roots with the context `root`.
extension RootRotation: WireMessage {
    public static let byteLimit = WireLimits.rotationBytes

    private enum Key: UInt64, FieldKey {
        case number = 1
        case key
        static let message: StaticString = "rotation"
    }

    public var cbor: CBOR { .fields([Key.number: .unsigned(number), .key: key.cbor]) }

    public init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(number: try fields.unsigned(.number), key: try fields.value(.key, TrustedKey.init(cbor:)))
    }
}

extension Delegation {
    private enum Key: UInt64, FieldKey {
        case key = 1
        case models, group, canaryShare, expires
        static let message: StaticString = "delegation"
    }

    var cbor: CBOR {
        .fields([
            Key.key: key.cbor, .models: .array(models.map(CBOR.name)), .group: .text(group),
            .canaryShare: .float(canaryShare), .expires: .instant(expires),
        ])
    }

    /// The share is a number between 0 and 1.
    init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            key: try fields.value(.key, TrustedKey.init(cbor:)),
            models: try fields.list(.models, limit: WireLimits.listItems) { (item) throws(WireError) in
                try item.asName()
            },
            group: try fields.text(.group), canaryShare: try fields.share(.canaryShare),
            expires: try fields.instant(.expires))
    }
}
