/// `security/refused`: what the broker refused to a client. Its guard says it; nobody else can publish there.
public struct AccessRefusal: Hashable, Sendable {
    /// What was tried.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Publishing, or leaving a last will.
        case publish
        case subscribe
        /// Connecting under another name than its certificate's.
        case connect
    }

    public var kind: Kind
    /// Common name of the client's certificate; as all texts here, printable ASCII, with all else as `\xNN`.
    public var identity: String
    /// The client id that it goes by, or asked for.
    public var clientID: String
    /// Where it connects from.
    public var address: String
    /// Topic or filter; empty for a connection.
    public var topic: String
    /// How many were refused to this identity since one was told, this one included.
    public var count: UInt64

    public init(kind: Kind, identity: String, clientID: String, address: String, topic: String, count: UInt64 = 1) {
        self.kind = kind
        self.identity = identity
        self.clientID = clientID
        self.address = address
        self.topic = topic
        self.count = count
    }
}

extension AccessRefusal: WireMessage {
    public static let byteLimit = WireLimits.controlBytes

    private enum Key: UInt64, FieldKey {
        case kind = 1
        case identity, clientID, address, topic, count
        static let message: StaticString = "refusal"
    }

    public var cbor: CBOR {
        .fields([
            Key.kind: .text(kind.rawValue), .identity: .text(identity), .clientID: .text(clientID),
            .address: .text(address), .topic: .text(topic), .count: .unsigned(count),
        ])
    }

    public init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            kind: try fields.choice(.kind), identity: try fields.text(.identity, limit: WireLimits.textBytes),
            clientID: try fields.text(.clientID, limit: WireLimits.textBytes),
            address: try fields.text(.address, limit: WireLimits.textBytes),
            topic: try fields.text(.topic, limit: WireLimits.textBytes),
            count: UInt64(try fields.integer(.count, in: 1...WireLimits.refusals)))
    }
}
