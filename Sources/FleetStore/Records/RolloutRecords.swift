public import FleetModel
public import GRDB

/// A release on its way to a device selector.
public struct RolloutRecord: Codable, Hashable, Sendable, FetchableRecord, MutablePersistableRecord, Identifiable {
    public static let databaseTableName = "rollout"

    public var id: Int64?
    public var release: ReleaseName
    public var selector: Selector
    public var activation: ActivationCondition
    public var state: RolloutState
    public var pauseReason: String?
    /// The wave that runs, from 0.
    public var wave: Int
    /// The training run whose model it brings, if retraining began it.
    public var trainingRun: Int64?
    public var createdAt: Instant
    public var createdBy: String
    public var startedAt: Instant?
    public var endedAt: Instant?

    public init(
        id: Int64? = nil, release: ReleaseName, selector: Selector, activation: ActivationCondition = .now,
        state: RolloutState, pauseReason: String? = nil, wave: Int = 0, trainingRun: Int64? = nil, createdAt: Instant,
        createdBy: String, startedAt: Instant? = nil, endedAt: Instant? = nil
    ) {
        self.id = id
        self.release = release
        self.selector = selector
        self.activation = activation
        self.state = state
        self.pauseReason = pauseReason
        self.wave = wave
        self.trainingRun = trainingRun
        self.createdAt = createdAt
        self.createdBy = createdBy
        self.startedAt = startedAt
        self.endedAt = endedAt
    }

    public mutating func didInsert(_ inserted: InsertionSuccess) { id = inserted.rowID }
}

/// One wave of a rollout.
public struct RolloutWaveRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "rollout_wave"

    public var rollout: Int64
    /// From 0.
    public var ordinal: Int
    public var name: String
    public var cumulativeShare: Double
    public var selector: Selector
    public var minimumReceipts: Double
    public var maximumFailures: Double
    public var soak: Interval
    public var deadline: Interval
    public var startedAt: Instant?
    public var lastReceiptAt: Instant?
    public var endedAt: Instant?

    public init(
        rollout: Int64, ordinal: Int, name: String, cumulativeShare: Double, selector: Selector,
        minimumReceipts: Double, maximumFailures: Double, soak: Interval, deadline: Interval, startedAt: Instant? = nil,
        lastReceiptAt: Instant? = nil, endedAt: Instant? = nil
    ) {
        self.rollout = rollout
        self.ordinal = ordinal
        self.name = name
        self.cumulativeShare = cumulativeShare
        self.selector = selector
        self.minimumReceipts = minimumReceipts
        self.maximumFailures = maximumFailures
        self.soak = soak
        self.deadline = deadline
        self.startedAt = startedAt
        self.lastReceiptAt = lastReceiptAt
        self.endedAt = endedAt
    }
}

/// Where one device stands in a rollout.
public struct RolloutDeviceRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "rollout_device"

    public var rollout: Int64
    public var device: DeviceID
    public var wave: Int
    public var state: RolloutDeviceState
    /// The release that it ran before: where a rollback returns to. As far as the controller knew at the offer, and as the
    /// device says once it runs the rollout's release.
    public var returnTo: Digest?
    public var offeredAt: Instant?
    public var endedAt: Instant?
    public var failure: InstallFailure?
    public var detail: String

    public init(
        rollout: Int64, device: DeviceID, wave: Int, state: RolloutDeviceState, returnTo: Digest? = nil,
        offeredAt: Instant? = nil, endedAt: Instant? = nil, failure: InstallFailure? = nil, detail: String = ""
    ) {
        self.rollout = rollout
        self.device = device
        self.wave = wave
        self.state = state
        self.returnTo = returnTo
        self.offeredAt = offeredAt
        self.endedAt = endedAt
        self.failure = failure
        self.detail = detail
    }
}
