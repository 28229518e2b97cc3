/// The control messages of protocol version 1. Each is deterministic CBOR (see `docs/protocol.md` and `martlet.cddl`).
public import FleetModel
public import Sketches

/// `dev/{id}/up/presence`, retained; also the last will with `online` false and the same session.
public struct Presence: Hashable, Sendable {
    public var online: Bool
    /// Names this start of the agent: random, 16 hexadecimal characters.
    public var boot: String
    /// Counts connections within the boot.
    public var session: UInt64
    public var facts: DeviceFacts
    /// Digests of the images on disk.
    public var images: [Digest]

    public init(online: Bool, boot: String, session: UInt64, facts: DeviceFacts, images: [Digest]) {
        self.online = online
        self.boot = boot
        self.session = session
        self.facts = facts
        self.images = images
    }
}

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
    /// Where to get the images; an image without a source is pulled from the blob of its own digest.
    public var sources: [BlobSource]

    public init(
        slot: SlotName, release: Digest, activation: ActivationCondition, deadline: Instant, sources: [BlobSource] = []
    ) {
        self.slot = slot
        self.release = release
        self.activation = activation
        self.deadline = deadline
        self.sources = sources
    }
}

/// A blob that yields an image: a hint, not trusted; the image's own digest decides.
public struct BlobSource: Hashable, Sendable {
    public var image: Digest
    public var blob: Digest

    public init(image: Digest, blob: Digest) {
        self.image = image
        self.blob = blob
    }
}

/// `dev/{id}/up/reported`, retained: where the device stands.
public struct Reported: Hashable, Sendable {
    public var observedGeneration: UInt64
    public var slots: [ReportedSlot]

    public init(observedGeneration: UInt64, slots: [ReportedSlot]) {
        self.observedGeneration = observedGeneration
        self.slots = slots
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

/// How a blob's bytes become the image.
public enum BlobCodec: String, Hashable, Sendable, CaseIterable {
    case raw
    case zstd
    /// Tensor-aware difference to `base`; see `docs/protocol.md`.
    case deltaZstd = "delta-zstd"
}

/// `blob/{sha256}/m`, retained: how to pull a blob. The blob's digest is that of the image for `raw` and `zstd`.
public struct BlobMap: Hashable, Sendable {
    /// Bytes of all chunks together (encoded).
    public var bytes: Int
    public var chunkBytes: Int
    public var pageChunks: Int
    public var codec: BlobCodec
    /// The image that results.
    public var image: Digest
    public var imageBytes: Int
    /// The image that a delta starts from.
    public var base: Digest?
    /// SHA-256 of every chunk.
    public var chunks: [Digest]

    public init(
        bytes: Int, chunkBytes: Int, pageChunks: Int, codec: BlobCodec, image: Digest, imageBytes: Int, base: Digest?,
        chunks: [Digest]
    ) {
        self.bytes = bytes
        self.chunkBytes = chunkBytes
        self.pageChunks = pageChunks
        self.codec = codec
        self.image = image
        self.imageBytes = imageBytes
        self.base = base
        self.chunks = chunks
    }
}

/// `dev/{id}/up/need`: asks for re-seeding.
public struct Need: Hashable, Sendable {
    public var blob: Digest
    /// Half-open ranges of missing chunk indices; empty asks for the map too.
    public var missing: [Range<Int>]

    public init(blob: Digest, missing: [Range<Int>]) {
        self.blob = blob
        self.missing = missing
    }
}

/// `dev/{id}/up/report`: metrics over an interval, keyed (device, boot, sequence); reports of a release merge by addition.
public struct Report: Hashable, Sendable {
    public var boot: String
    /// Counts from 1 within (boot, report stream).
    public var sequence: UInt64
    public var slot: SlotName
    public var release: Digest
    public var image: Digest
    public var version: VersionID
    public var start: Instant
    public var end: Instant
    public var inferences: UInt64
    public var errors: UInt64
    /// Inferences below the release's minimum confidence.
    public var uncertain: UInt64
    /// One histogram per feature of the baseline, in its order.
    public var features: [BinCounts]
    /// Predictions by class.
    public var predictions: [UInt64]
    /// Of the top class's probability.
    public var confidence: Moments
    /// Of the difference between the two highest probabilities.
    public var margin: Moments
    /// Latency of an inference in microseconds.
    public var latency: LatencyHistogram
    public var samplesOffered: UInt64
    public var samplesChosen: UInt64
    /// Samples that the budget or the spool's limit turned away.
    public var samplesDropped: UInt64
    /// Reports that the spool's limit dropped since the last report.
    public var reportsDropped: UInt64

    public init(
        boot: String, sequence: UInt64, slot: SlotName, release: Digest, image: Digest, version: VersionID,
        start: Instant, end: Instant, inferences: UInt64, errors: UInt64, uncertain: UInt64, features: [BinCounts],
        predictions: [UInt64], confidence: Moments, margin: Moments, latency: LatencyHistogram, samplesOffered: UInt64,
        samplesChosen: UInt64, samplesDropped: UInt64, reportsDropped: UInt64
    ) {
        self.boot = boot
        self.sequence = sequence
        self.slot = slot
        self.release = release
        self.image = image
        self.version = version
        self.start = start
        self.end = end
        self.inferences = inferences
        self.errors = errors
        self.uncertain = uncertain
        self.features = features
        self.predictions = predictions
        self.confidence = confidence
        self.margin = margin
        self.latency = latency
        self.samplesOffered = samplesOffered
        self.samplesChosen = samplesChosen
        self.samplesDropped = samplesDropped
        self.reportsDropped = reportsDropped
    }
}

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

/// `dev/{id}/dn/ack`: what the controller's transactions have committed. A device deletes nothing before it.
public struct Ack: Hashable, Sendable {
    public var boot: String
    public var streams: [StreamAck]

    public init(boot: String, streams: [StreamAck]) {
        self.boot = boot
        self.streams = streams
    }
}

/// A stream that is delivered exactly once.
public enum StreamKind: String, Hashable, Sendable, CaseIterable {
    case report
    case sample
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

/// `trust/time`, retained and signed: lets a device without a clock advance.
public struct SignedTime: Hashable, Sendable {
    public var now: Instant

    public init(now: Instant) { self.now = now }
}
