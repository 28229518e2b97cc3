public import FleetModel

/// `dev/{id}/up/sample`: a frame kept for people, keyed (device, boot, sequence, part).
///
/// Part 0 carries everything; a frame above `WireLimits.samplePartBytes` continues in parts that carry `values` alone.
public struct SampleMessage: Hashable, Sendable {
    public var boot: String
    /// Counts from 1 within (boot, sample stream).
    public var sequence: UInt64
    public var part: Int
    public var partCount: Int
    public var slot: SlotName
    public var release: Digest
    public var version: VersionID
    public var captured: Instant
    /// The application's own name for the frame, such as an inference id or a lot number; at most 64 characters.
    public var tag: String
    /// With which the frame was chosen, 0 < p <= 1.
    public var probability: Float
    /// Output probabilities in class order.
    public var scores: [Float]
    /// This part's run of the frame's raw values.
    public var values: [Float]

    public init(
        boot: String, sequence: UInt64, part: Int, partCount: Int, slot: SlotName, release: Digest, version: VersionID,
        captured: Instant, tag: String, probability: Float, scores: [Float], values: [Float]
    ) {
        self.boot = boot
        self.sequence = sequence
        self.part = part
        self.partCount = partCount
        self.slot = slot
        self.release = release
        self.version = version
        self.captured = captured
        self.tag = tag
        self.probability = probability
        self.scores = scores
        self.values = values
    }
}

extension SampleMessage: WireMessage {
    public static let byteLimit = WireLimits.sampleBytes

    private enum Key: UInt64, FieldKey {
        case boot = 1
        case sequence, part, partCount, slot, release, version, captured, tag, probability, scores, values
        static let message: StaticString = "sample"
    }

    public var cbor: CBOR {
        .fields([
            Key.boot: .text(boot), .sequence: .unsigned(sequence), .part: .integer(part),
            .partCount: .integer(partCount), .slot: .name(slot), .release: .digest(release),
            .version: .version(version), .captured: .instant(captured), .tag: .text(tag),
            .probability: .float(probability), .scores: .floats(scores), .values: .floats(values),
        ])
    }

    /// The part must be one of the count, and the probability above 0: an estimate divides by it.
    public init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            boot: try fields.text(.boot, limit: CheckedNameLimits.length), sequence: try fields.unsigned(.sequence),
            part: try fields.integer(.part, in: 0...WireLimits.sampleParts - 1),
            partCount: try fields.integer(.partCount, in: 1...WireLimits.sampleParts), slot: try fields.name(.slot),
            release: try fields.digest(.release), version: try fields.version(.version),
            captured: try fields.instant(.captured), tag: try fields.text(.tag),
            probability: try fields.share(.probability),
            scores: try fields.floats(.scores, limit: WireLimits.classes),
            values: try fields.floats(.values, limit: WireLimits.samplePartBytes / 4))
        guard part < partCount else { throw WireError(.outOfRange, "sample.part: \(part) of \(partCount)") }
        guard probability > 0 else { throw WireError(.outOfRange, "sample.probability: must be above 0") }
    }
}
