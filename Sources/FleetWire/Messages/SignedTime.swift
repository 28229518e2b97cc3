public import FleetModel

/// `trust/time`, retained and signed: lets a device without a clock advance.
public struct SignedTime: Hashable, Sendable {
    public var now: Instant

    public init(now: Instant) { self.now = now }
}

extension SignedTime: WireMessage {
    public static let byteLimit = WireLimits.controlBytes

    private enum Key: UInt64, FieldKey {
        case now = 1
        static let message: StaticString = "time"
    }

    public var cbor: CBOR { .fields([Key.now: .instant(now)]) }

    public init(cbor: CBOR) throws(WireError) {
        self.init(now: try Fields<Key>(cbor).instant(.now))
    }
}
