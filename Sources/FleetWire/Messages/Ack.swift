import FleetModel

/// `dev/{id}/dn/ack`: what the controller's transactions have committed. A device deletes nothing before it.
public struct Ack: Hashable, Sendable {
    public var boot: String
    public var streams: [StreamAck]

    public init(boot: String, streams: [StreamAck]) {
        self.boot = boot
        self.streams = streams
    }
}

/// A stream that is delivered exactly once. The order is that in which what waits is sent.
public enum StreamKind: String, Hashable, Sendable, CaseIterable {
    case report
    case sample
    case log
}

/// What is committed of one stream of one boot.
public struct StreamAck: Hashable, Sendable {
    public var stream: StreamKind
    /// Highest committed sequence.
    public var highest: UInt64
    /// Sequences up to `highest` that are not committed; a device sends them again.
    public var holes: [Range<UInt64>]

    public init(stream: StreamKind, highest: UInt64, holes: [Range<UInt64>]) {
        self.stream = stream
        self.highest = highest
        self.holes = holes
    }
}

extension Ack: WireMessage {
    public static let byteLimit = WireLimits.controlBytes

    private enum Key: UInt64, FieldKey {
        case boot = 1
        case streams
        static let message: StaticString = "ack"
    }

    public var cbor: CBOR { .fields([Key.boot: .text(boot), .streams: .array(streams.map(\.cbor))]) }

    public init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            boot: try fields.text(.boot, limit: CheckedNameLimits.length),
            streams: try fields.list(.streams, limit: StreamKind.allCases.count, of: StreamAck.init(cbor:)))
    }
}

extension StreamAck {
    private enum Key: UInt64, FieldKey {
        case stream = 1
        case highest, holes
        static let message: StaticString = "streamAck"
    }

    var cbor: CBOR {
        .fields([
            Key.stream: .text(stream.rawValue), .highest: .unsigned(highest),
            .holes: .array(holes.map { .array([.unsigned($0.lowerBound), .unsigned($0.upperBound)]) }),
        ])
    }

    /// Holes must lie at or below the highest sequence.
    init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            stream: try fields.choice(.stream), highest: try fields.unsigned(.highest),
            holes: try fields.list(.holes, limit: WireLimits.holes) { item throws(WireError) in try item.asRange() })
        guard holes.allSatisfy({ $0.upperBound <= highest }) else {
            throw WireError(.outOfRange, "streamAck.holes: beyond the highest sequence")
        }
    }
}
