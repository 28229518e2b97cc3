public import FleetModel
public import Foundation
public import GRDB

/// A device's verified proof that a release runs.
public struct ReceiptRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "receipt"

    public var device: DeviceID
    public var slot: SlotName
    public var release: Digest
    public var committedAt: Instant
    public var image: Digest
    public var model: ModelName
    public var number: Int
    public var counter: Int64
    public var goldenError: Double
    /// Microseconds.
    public var latency: Int
    public var instructionSet: String
    public var runtimeVersion: String
    /// The signed message itself.
    public var message: Data
    public var receivedAt: Instant

    public init(
        device: DeviceID, slot: SlotName, release: Digest, committedAt: Instant, image: Digest, model: ModelName,
        number: Int, counter: Int64, goldenError: Double, latency: Int, instructionSet: String, runtimeVersion: String,
        message: Data, receivedAt: Instant
    ) {
        self.device = device
        self.slot = slot
        self.release = release
        self.committedAt = committedAt
        self.image = image
        self.model = model
        self.number = number
        self.counter = counter
        self.goldenError = goldenError
        self.latency = latency
        self.instructionSet = instructionSet
        self.runtimeVersion = runtimeVersion
        self.message = message
        self.receivedAt = receivedAt
    }

    /// The version that the row speaks of.
    public var version: VersionID { VersionID(model: model, number: number) }
}

/// A device's metrics over an interval: `payload` is the encoded `Report`, the columns are what is asked for most.
public struct ReportRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "report"

    public var device: DeviceID
    public var boot: String
    public var sequence: Int64
    public var slot: SlotName
    public var release: Digest
    public var image: Digest
    public var model: ModelName
    public var number: Int
    public var startedAt: Instant
    public var endedAt: Instant
    public var inferences: Int64
    public var errors: Int64
    public var uncertain: Int64
    public var confidenceMean: Double
    public var samplesOffered: Int64
    public var samplesChosen: Int64
    public var samplesDropped: Int64
    public var reportsDropped: Int64
    public var payload: Data
    public var receivedAt: Instant

    public init(
        device: DeviceID, boot: String, sequence: Int64, slot: SlotName, release: Digest, image: Digest,
        model: ModelName, number: Int, startedAt: Instant, endedAt: Instant, inferences: Int64, errors: Int64,
        uncertain: Int64, confidenceMean: Double, samplesOffered: Int64, samplesChosen: Int64, samplesDropped: Int64,
        reportsDropped: Int64, payload: Data, receivedAt: Instant
    ) {
        self.device = device
        self.boot = boot
        self.sequence = sequence
        self.slot = slot
        self.release = release
        self.image = image
        self.model = model
        self.number = number
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.inferences = inferences
        self.errors = errors
        self.uncertain = uncertain
        self.confidenceMean = confidenceMean
        self.samplesOffered = samplesOffered
        self.samplesChosen = samplesChosen
        self.samplesDropped = samplesDropped
        self.reportsDropped = reportsDropped
        self.payload = payload
        self.receivedAt = receivedAt
    }

    /// The version that the row speaks of.
    public var version: VersionID { VersionID(model: model, number: number) }
}

/// A frame kept for people.
public struct SampleRecord: Codable, Hashable, Sendable, FetchableRecord, MutablePersistableRecord, Identifiable {
    public static let databaseTableName = "sample"

    public var id: Int64?
    public var device: DeviceID
    public var boot: String
    public var sequence: Int64
    public var slot: SlotName
    public var release: Digest
    public var model: ModelName
    public var number: Int
    public var capturedAt: Instant
    public var receivedAt: Instant
    /// The application's own name for the frame.
    public var tag: String
    /// With which it was chosen, 0 < p <= 1.
    public var probability: Double
    public var kind: FrameKind
    /// Raw values, row by row.
    public var frame: StoredFrame
    /// SHA-256 of the frame's plain bytes: equal frames are labelled once.
    public var frameDigest: Digest
    /// Probabilities in class order.
    public var scores: FloatVector
    public var predictedClass: String
    /// The top class's probability.
    public var confidence: Double
    /// Difference of the two highest probabilities.
    public var margin: Double
    public var station: StationID?
    /// The device's tags when it arrived.
    public var tags: [String: String]
    /// The latest annotation's verdict.
    public var verdict: AnnotationVerdict?
    /// The latest annotation's class.
    public var verdictClass: String?
    public var annotatedAt: Instant?

    public init(
        id: Int64? = nil, device: DeviceID, boot: String, sequence: Int64, slot: SlotName, release: Digest,
        model: ModelName, number: Int, capturedAt: Instant, receivedAt: Instant, tag: String, probability: Double,
        kind: FrameKind, frame: StoredFrame, frameDigest: Digest, scores: FloatVector, predictedClass: String,
        confidence: Double, margin: Double, station: StationID? = nil, tags: [String: String],
        verdict: AnnotationVerdict? = nil, verdictClass: String? = nil, annotatedAt: Instant? = nil
    ) {
        self.id = id
        self.device = device
        self.boot = boot
        self.sequence = sequence
        self.slot = slot
        self.release = release
        self.model = model
        self.number = number
        self.capturedAt = capturedAt
        self.receivedAt = receivedAt
        self.tag = tag
        self.probability = probability
        self.kind = kind
        self.frame = frame
        self.frameDigest = frameDigest
        self.scores = scores
        self.predictedClass = predictedClass
        self.confidence = confidence
        self.margin = margin
        self.station = station
        self.tags = tags
        self.verdict = verdict
        self.verdictClass = verdictClass
        self.annotatedAt = annotatedAt
    }

    public mutating func didInsert(_ inserted: InsertionSuccess) { id = inserted.rowID }

    /// The version that the row speaks of.
    public var version: VersionID { VersionID(model: model, number: number) }
}

/// A part of a sample that is not complete yet.
public struct SamplePartRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "sample_part"

    public var device: DeviceID
    public var boot: String
    public var sequence: Int64
    public var part: Int
    public var partCount: Int
    /// The encoded `SampleMessage`, as `FrameVault` stores it.
    public var payload: Data
    public var receivedAt: Instant

    public init(
        device: DeviceID, boot: String, sequence: Int64, part: Int, partCount: Int, payload: Data, receivedAt: Instant
    ) {
        self.device = device
        self.boot = boot
        self.sequence = sequence
        self.part = part
        self.partCount = partCount
        self.payload = payload
        self.receivedAt = receivedAt
    }
}

/// What is committed of one stream of one boot of a device.
public struct StreamCursorRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "stream_cursor"

    public var device: DeviceID
    public var boot: String
    /// Raw value of `StreamKind`.
    public var stream: String
    public var highest: Int64
    /// Sequences up to `highest` that are missing.
    public var holes: SequenceHoles
    public var received: Int64
    public var duplicates: Int64
    public var updatedAt: Instant

    public init(
        device: DeviceID, boot: String, stream: String, highest: Int64, holes: SequenceHoles, received: Int64 = 0,
        duplicates: Int64 = 0, updatedAt: Instant
    ) {
        self.device = device
        self.boot = boot
        self.stream = stream
        self.highest = highest
        self.holes = holes
        self.received = received
        self.duplicates = duplicates
        self.updatedAt = updatedAt
    }
}
