public import FleetModel

/// When a model is to be trained again, and what a candidate must be to replace the champion.
public struct RetrainPolicy: Hashable, Sendable {
    /// How triggers combine.
    public enum Requirement: String, Hashable, Sendable, CaseIterable {
        /// One trigger is enough.
        case any
        /// Every trigger of the policy must hold at once.
        case all
    }

    public var triggers: RetrainTriggers
    public var require: Requirement
    /// From the end of a run until triggers count again; 0 or more.
    public var coolDown: Interval
    public var gates: CandidateGates

    public init(
        triggers: RetrainTriggers, require: Requirement = .any, coolDown: Interval = .minutes(60),
        gates: CandidateGates = CandidateGates()
    ) {
        self.triggers = triggers
        self.require = require
        self.coolDown = coolDown
        self.gates = gates
    }
}

/// The triggers of a policy; an absent one plays no part. A policy without any never starts a run.
public struct RetrainTriggers: Hashable, Sendable {
    public var drift: DriftTrigger?
    public var accuracy: AccuracyTrigger?
    /// Annotations since the last dataset version, 1 or more.
    public var annotations: Int?
    /// From the start of one run to the start of the next, above 0; the first counts from the policy's beginning.
    public var schedule: Interval?

    public init(
        drift: DriftTrigger? = nil, accuracy: AccuracyTrigger? = nil, annotations: Int? = nil, schedule: Interval? = nil
    ) {
        self.drift = drift
        self.accuracy = accuracy
        self.annotations = annotations
        self.schedule = schedule
    }
}

/// Enough devices of one group have drifted: at least so many, and at least that share.
public struct DriftTrigger: Hashable, Sendable {
    /// 1 or more.
    public var devices: Int
    /// Of the group's devices that have a verdict, 0...1.
    public var share: Double

    public init(devices: Int = 1, share: Double = 0) {
        self.devices = devices
        self.share = share
    }
}

/// The estimated accuracy of a group is certainly below the release's promise: the upper end of its confidence interval
/// lies below the promise less the tolerance.
public struct AccuracyTrigger: Hashable, Sendable {
    /// 0...1.
    public var tolerance: Double
    /// Annotations that an estimate needs to count.
    public var labels: Int

    public init(tolerance: Double = 0.05, labels: Int = 30) {
        self.tolerance = tolerance
        self.labels = labels
    }
}
