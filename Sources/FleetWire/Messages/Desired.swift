public import FleetModel

/// `dev/{id}/dn/desired`, retained: what the controller wants. Level, not edge: only the newest generation matters.
public struct Desired: Hashable, Sendable {
    public var generation: UInt64
    public var slots: [DesiredSlot]
    public var policy: DevicePolicy

    public init(generation: UInt64, slots: [DesiredSlot], policy: DevicePolicy) {
        self.generation = generation
        self.slots = slots
        self.policy = policy
    }
}

/// The release that a slot should run.
public struct DesiredSlot: Hashable, Sendable {
    public var slot: SlotName
    /// Digest of the signed manifest, found at `release/{digest}`.
    public var release: Digest
    public var activation: ActivationCondition
    /// The device gives up fetching after this.
    public var deadline: Instant
    /// Where to get the images, the best first: a device takes the first of an image whose base it holds, and without
    /// one the blob of the image's own digest.
    public var sources: [BlobSource]
    /// The keys of images whose blobs are sealed, for this device alone.
    public var keys: [ImageKey]

    public init(
        slot: SlotName, release: Digest, activation: ActivationCondition, deadline: Instant, sources: [BlobSource] = [],
        keys: [ImageKey] = []
    ) {
        self.slot = slot
        self.release = release
        self.activation = activation
        self.deadline = deadline
        self.sources = sources
        self.keys = keys
    }
}

/// The key of an image whose blobs are sealed, in an envelope that only the device of the document can open.
public struct ImageKey: Hashable, Sendable {
    public var image: Digest
    /// 80 bytes; see `KeyEnvelope`.
    public var envelope: [UInt8]

    public init(image: Digest, envelope: [UInt8]) {
        self.image = image
        self.envelope = envelope
    }
}

/// A blob that yields an image: a hint, not trusted; the image's own digest decides.
public struct BlobSource: Hashable, Sendable {
    public var image: Digest
    public var blob: Digest
    /// The image that the blob is a difference to; nil: it needs none.
    public var base: Digest?

    public init(image: Digest, blob: Digest, base: Digest? = nil) {
        self.image = image
        self.blob = blob
        self.base = base
    }
}

extension Desired: WireMessage {
    public static let byteLimit = WireLimits.controlBytes

    private enum Key: UInt64, FieldKey {
        case generation = 1
        case slots, policy
        static let message: StaticString = "desired"
    }

    public var cbor: CBOR {
        .fields([
            Key.generation: .unsigned(generation), .slots: .array(slots.map(\.cbor)), .policy: policy.cbor,
        ])
    }

    public init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            generation: try fields.unsigned(.generation),
            slots: try fields.list(.slots, limit: WireLimits.slots, of: DesiredSlot.init(cbor:)),
            policy: try fields.value(.policy, DevicePolicy.init(cbor:)))
    }
}

extension DesiredSlot {
    private enum Key: UInt64, FieldKey {
        case slot = 1
        case release, activation, deadline, sources, keys
        static let message: StaticString = "desiredSlot"
    }

    var cbor: CBOR {
        .fields([
            Key.slot: .name(slot), .release: .digest(release), .activation: activation.cbor,
            .deadline: .instant(deadline), .sources: .array(sources.map(\.cbor)),
            .keys: .array(keys.map(\.cbor)),
        ])
    }

    init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            slot: try fields.name(.slot), release: try fields.digest(.release),
            activation: try fields.value(.activation, ActivationCondition.init(cbor:)),
            deadline: try fields.instant(.deadline),
            sources: try fields.list(.sources, limit: WireLimits.listItems, of: BlobSource.init(cbor:)),
            keys: try fields.has(.keys)
                ? fields.list(.keys, limit: WireLimits.listItems, of: ImageKey.init(cbor:)) : [])
    }
}

extension ImageKey {
    /// `[image, envelope]`.
    var cbor: CBOR { .array([.digest(image), .bytes(envelope)]) }

    init(cbor: CBOR) throws(WireError) {
        let items = try cbor.asTuple(2)
        self.init(image: try items[0].asDigest(), envelope: try items[1].asBytes(limit: WireLimits.envelopeBytes))
    }
}

extension BlobSource {
    /// `[image, blob, base or null]`.
    var cbor: CBOR { .array([.digest(image), .digest(blob), base.map(CBOR.digest) ?? .null]) }

    init(cbor: CBOR) throws(WireError) {
        let items = try cbor.asTuple(3)
        self.init(
            image: try items[0].asDigest(), blob: try items[1].asDigest(),
            base: items[2] == .null ? nil : try items[2].asDigest())
    }
}

extension ActivationCondition {
    /// Minutes of a day.
    private static let minutes = 0...1439

    /// `[0]` now, `[1, start, end]` window, `[2]` lot boundary.
    var cbor: CBOR {
        switch self {
        case .now: .array([.unsigned(0)])
        case .window(let start, let end): .array([.unsigned(1), .integer(start), .integer(end)])
        case .lotBoundary: .array([.unsigned(2)])
        }
    }

    init(cbor: CBOR) throws(WireError) {
        let items = try cbor.asArray(limit: 3)
        switch (items.first, items.count) {
        case (.unsigned(0), 1): self = .now
        case (.unsigned(1), 3):
            self = .window(
                startMinute: try items[1].asInteger(in: Self.minutes),
                endMinute: try items[2].asInteger(in: Self.minutes))
        case (.unsigned(2), 1): self = .lotBoundary
        default: throw WireError(.outOfRange, "an unknown activation condition")
        }
    }
}

extension DevicePolicy {
    private enum Key: UInt64, FieldKey {
        case reportInterval = 1
        case sampling
        static let message: StaticString = "policy"
    }

    var cbor: CBOR {
        .fields([
            Key.reportInterval: .integer(Int(reportInterval.milliseconds)), .sampling: sampling.cbor,
        ])
    }

    init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        let interval = try fields.integer(.reportInterval, in: 1...Int(WireLimits.integer))
        self.init(
            reportInterval: Interval(milliseconds: Int64(interval)),
            sampling: try fields.value(.sampling, SamplingPolicy.init(cbor:)))
    }
}

extension SamplingPolicy {
    private enum Key: UInt64, FieldKey {
        case enabled = 1
        case floor, slope, bytesPerDay, burstBytes
        static let message: StaticString = "sampling"
    }

    var cbor: CBOR {
        .fields([
            Key.enabled: .bool(enabled), .floor: .float(floor), .slope: .float(slope),
            .bytesPerDay: .integer(bytesPerDay), .burstBytes: .integer(burstBytes),
        ])
    }

    init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            enabled: try fields.bool(.enabled), floor: try fields.share(.floor), slope: try fields.share(.slope),
            bytesPerDay: try fields.integer(.bytesPerDay, in: 0...Int(WireLimits.integer)),
            burstBytes: try fields.integer(.burstBytes, in: 0...Int(WireLimits.integer)))
    }
}
