public import FleetModel

/// `dev/{id}/up/reported`, retained: where the device stands.
public struct Reported: Hashable, Sendable {
    public var observedGeneration: UInt64
    public var slots: [ReportedSlot]
    /// Why the last role document or time that came was refused; nil if it was not. At most 200 bytes.
    public var trustRefusal: String?

    public init(observedGeneration: UInt64, slots: [ReportedSlot], trustRefusal: String? = nil) {
        self.observedGeneration = observedGeneration
        self.slots = slots
        self.trustRefusal = trustRefusal
    }
}

/// One slot of a device.
public struct ReportedSlot: Hashable, Sendable {
    public var slot: SlotName
    public var phase: InstallPhase
    /// The release being installed or, in the final phases, the one that the phase speaks of.
    public var target: Digest?
    /// Share of the present phase that is done, 0...1.
    public var progress: Float
    public var failure: InstallFailure?
    /// What happened, for people; at most 200 characters.
    public var detail: String
    public var champion: Digest?
    public var previous: Digest?
    /// COSE_Sign messages whose payload is a `Receipt`, signed by the device's key; newest last, at most 4.
    public var receipts: [[UInt8]]

    public init(
        slot: SlotName, phase: InstallPhase, target: Digest?, progress: Float, failure: InstallFailure?, detail: String,
        champion: Digest?, previous: Digest?, receipts: [[UInt8]]
    ) {
        self.slot = slot
        self.phase = phase
        self.target = target
        self.progress = progress
        self.failure = failure
        self.detail = detail
        self.champion = champion
        self.previous = previous
        self.receipts = receipts
    }
}

extension Reported: WireMessage {
    public static let byteLimit = WireLimits.controlBytes

    private enum Key: UInt64, FieldKey {
        case observedGeneration = 1
        case slots, trustRefusal
        static let message: StaticString = "reported"
    }

    public var cbor: CBOR {
        .fields([
            Key.observedGeneration: .unsigned(observedGeneration), .slots: .array(slots.map(\.cbor)),
            .trustRefusal: trustRefusal.map { .text($0) },
        ])
    }

    public init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            observedGeneration: try fields.unsigned(.observedGeneration),
            slots: try fields.list(.slots, limit: WireLimits.slots, of: ReportedSlot.init(cbor:)),
            trustRefusal: try fields.optional(.trustRefusal) { item throws(WireError) in
                try item.asText(limit: WireLimits.detailBytes)
            })
    }
}

extension ReportedSlot {
    private enum Key: UInt64, FieldKey {
        case slot = 1
        case phase, target, progress, failure, detail, champion, previous, receipts
        static let message: StaticString = "reportedSlot"
    }

    var cbor: CBOR {
        .fields([
            Key.slot: .name(slot), .phase: .text(phase.rawValue), .target: target.map(CBOR.digest),
            .progress: .float(progress), .failure: failure.map { .text($0.rawValue) }, .detail: .text(detail),
            .champion: champion.map(CBOR.digest), .previous: previous.map(CBOR.digest),
            .receipts: .array(receipts.map { .bytes($0) }),
        ])
    }

    init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            slot: try fields.name(.slot), phase: try fields.choice(.phase),
            target: try fields.optionalDigest(.target), progress: try fields.share(.progress),
            failure: try fields.optional(.failure) { item throws(WireError) in try item.asChoice() },
            detail: try fields.text(.detail, limit: WireLimits.detailBytes),
            champion: try fields.optionalDigest(.champion), previous: try fields.optionalDigest(.previous),
            receipts: try fields.list(.receipts, limit: WireLimits.receipts) { item throws(WireError) in
                try item.asBytes(limit: WireLimits.receiptBytes)
            })
    }
}
