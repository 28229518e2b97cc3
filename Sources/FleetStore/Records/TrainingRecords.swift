public import FleetModel
public import GRDB

/// A trainer's work on a dataset version.
public struct TrainingRunRecord: Codable, Hashable, Sendable, FetchableRecord, MutablePersistableRecord, Identifiable {
    public static let databaseTableName = "training_run"

    public var id: Int64?
    public var model: ModelName
    public var dataset: String
    public var datasetVersion: Int
    public var trainer: String
    /// JSON object.
    public var parameters: String
    public var state: TrainingState
    /// 0...1.
    public var progress: Double
    /// JSON object.
    public var metrics: String
    public var log: String
    /// Why it was started, for people.
    public var reason: String
    /// The retrain policy that started it.
    public var policy: String?
    /// The version that the candidate is compared with.
    public var championModel: ModelName?
    public var championNumber: Int?
    /// The version that came of it.
    public var number: Int?
    public var failure: String?
    public var createdAt: Instant
    public var createdBy: String
    public var startedAt: Instant?
    public var endedAt: Instant?

    public init(
        id: Int64? = nil, model: ModelName, dataset: String, datasetVersion: Int, trainer: String,
        parameters: String = "{}", state: TrainingState, progress: Double = 0, metrics: String = "{}", log: String = "",
        reason: String = "", policy: String? = nil, championModel: ModelName? = nil, championNumber: Int? = nil,
        number: Int? = nil, failure: String? = nil, createdAt: Instant, createdBy: String, startedAt: Instant? = nil,
        endedAt: Instant? = nil
    ) {
        self.id = id
        self.model = model
        self.dataset = dataset
        self.datasetVersion = datasetVersion
        self.trainer = trainer
        self.parameters = parameters
        self.state = state
        self.progress = progress
        self.metrics = metrics
        self.log = log
        self.reason = reason
        self.policy = policy
        self.championModel = championModel
        self.championNumber = championNumber
        self.number = number
        self.failure = failure
        self.createdAt = createdAt
        self.createdBy = createdBy
        self.startedAt = startedAt
        self.endedAt = endedAt
    }

    public mutating func didInsert(_ inserted: InsertionSuccess) { id = inserted.rowID }
}

/// State of a training run.
public enum TrainingState: String, Codable, Hashable, Sendable, CaseIterable, DatabaseValueConvertible {
    case queued, running, succeeded, failed, cancelled

    /// No step follows.
    public var isFinal: Bool { self != .queued && self != .running }
}

/// A standing order: when to retrain, or how a group of devices samples.
public struct PolicyRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "policy"

    public var name: String
    public var kind: PolicyKind
    /// JSON object as the HTTP API takes it.
    public var document: String
    public var enabled: Bool
    /// JSON object: what the policy's service must remember.
    public var state: String
    public var updatedAt: Instant
    public var updatedBy: String

    public init(
        name: String, kind: PolicyKind, document: String, enabled: Bool, state: String = "{}", updatedAt: Instant,
        updatedBy: String
    ) {
        self.name = name
        self.kind = kind
        self.document = document
        self.enabled = enabled
        self.state = state
        self.updatedAt = updatedAt
        self.updatedBy = updatedBy
    }
}

/// What a policy governs.
public enum PolicyKind: String, Codable, Hashable, Sendable, CaseIterable, DatabaseValueConvertible {
    case retrain, sampling
}

/// One look at a policy's triggers that said something new.
public struct TriggerLogRecord: Codable, Hashable, Sendable, FetchableRecord, MutablePersistableRecord, Identifiable {
    public static let databaseTableName = "trigger_log"

    public var id: Int64?
    public var policy: String
    /// `drift`, `accuracy`, `annotations` or `schedule`.
    public var trigger: String
    public var fired: Bool
    public var reason: String
    public var trainingRun: Int64?
    public var createdAt: Instant

    public init(
        id: Int64? = nil, policy: String, trigger: String, fired: Bool, reason: String, trainingRun: Int64? = nil,
        createdAt: Instant
    ) {
        self.id = id
        self.policy = policy
        self.trigger = trigger
        self.fired = fired
        self.reason = reason
        self.trainingRun = trainingRun
        self.createdAt = createdAt
    }

    public mutating func didInsert(_ inserted: InsertionSuccess) { id = inserted.rowID }
}

/// PSI of one feature over a device's window.
public struct DriftPointRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "drift_point"

    public var device: DeviceID
    public var slot: SlotName
    public var release: Digest
    /// A channel's name with its statistic, or `predictions`.
    public var feature: String
    public var at: Instant
    public var psi: Double
    public var threshold: Double
    /// In the window.
    public var inferences: Int64

    public init(
        device: DeviceID, slot: SlotName, release: Digest, feature: String, at: Instant, psi: Double, threshold: Double,
        inferences: Int64
    ) {
        self.device = device
        self.slot = slot
        self.release = release
        self.feature = feature
        self.at = at
        self.psi = psi
        self.threshold = threshold
        self.inferences = inferences
    }
}

/// Estimated accuracy of a version in a group, with its confidence interval.
public struct AccuracyEstimateRecord: Codable, Hashable, Sendable, FetchableRecord, MutablePersistableRecord,
    Identifiable
{
    public static let databaseTableName = "accuracy_estimate"

    public var id: Int64?
    /// Such as `side=L`; `*` for all.
    public var groupKey: String
    public var model: ModelName
    public var number: Int
    public var estimate: Double
    public var low: Double
    public var high: Double
    /// Annotations behind it.
    public var labels: Int
    /// What the release promised.
    public var promised: Double
    public var at: Instant

    public init(
        id: Int64? = nil, groupKey: String, model: ModelName, number: Int, estimate: Double, low: Double, high: Double,
        labels: Int, promised: Double, at: Instant
    ) {
        self.id = id
        self.groupKey = groupKey
        self.model = model
        self.number = number
        self.estimate = estimate
        self.low = low
        self.high = high
        self.labels = labels
        self.promised = promised
        self.at = at
    }

    public mutating func didInsert(_ inserted: InsertionSuccess) { id = inserted.rowID }

    /// The version that the row speaks of.
    public var version: VersionID { VersionID(model: model, number: number) }
}
