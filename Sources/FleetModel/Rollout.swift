/// A rollout's plan: a release, a device selector and the waves in which it goes out.

/// Stage of a release.
public enum ReleaseStage: String, Hashable, Sendable, CaseIterable {
    case draft, candidate, approved, released, retired
}

/// State of a rollout.
public enum RolloutState: String, Hashable, Sendable, CaseIterable {
    case draft, awaitingApproval, scheduled, running, paused, completed, aborting, aborted, rollingBack, rolledBack

    /// No step follows.
    public var isFinal: Bool {
        switch self {
        case .completed, .aborted, .rolledBack: true
        case .draft, .awaitingApproval, .scheduled, .running, .paused, .aborting, .rollingBack: false
        }
    }
}

/// Where one device stands in a rollout. Offline is never success: a deadline makes it `timedOut`.
public enum RolloutDeviceState: String, Hashable, Sendable, CaseIterable {
    case pending, offered, succeeded, failed, timedOut, rolledBack
}

/// What must hold before the next wave begins.
public struct Gate: Hashable, Sendable {
    /// Share of the wave's devices that must have sent a receipt, 0...1.
    public var minimumReceipts: Double
    /// Above this share of failed or timed-out devices the rollout pauses, 0...1.
    public var maximumFailures: Double
    /// Time that the wave must have run since its last receipt.
    public var soak: Interval

    public init(minimumReceipts: Double = 1, maximumFailures: Double = 0, soak: Interval = .seconds(0)) {
        self.minimumReceipts = minimumReceipts
        self.maximumFailures = maximumFailures
        self.soak = soak
    }
}

/// One wave: the devices that a selector picks, or a share of those left.
public struct Wave: Hashable, Sendable {
    public var name: String
    /// Share of all devices of the rollout that this wave and those before it reach together, 0...1.
    public var cumulativeShare: Double
    /// Narrows the wave to these devices; `.all` lets the share alone decide.
    public var selector: Selector
    public var gate: Gate
    /// From the offer until a device without a receipt counts as timed out.
    public var deadline: Interval

    public init(
        name: String, cumulativeShare: Double, selector: Selector = .all, gate: Gate = Gate(),
        deadline: Interval = .minutes(30)
    ) {
        self.name = name
        self.cumulativeShare = cumulativeShare
        self.selector = selector
        self.gate = gate
        self.deadline = deadline
    }
}

/// What an operator asked for.
public struct RolloutPlan: Hashable, Sendable {
    public var release: Digest
    public var selector: Selector
    public var waves: [Wave]
    public var activation: ActivationCondition

    public init(release: Digest, selector: Selector, waves: [Wave], activation: ActivationCondition = .now) {
        self.release = release
        self.selector = selector
        self.waves = waves
        self.activation = activation
    }
}
