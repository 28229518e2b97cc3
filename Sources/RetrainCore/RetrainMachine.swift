public import FleetModel

/// When to train again: a value that hears observations and says when to start a run. It holds no clock.
///
/// At most one run at a time, and after each, however it ended, the cool-down passes before triggers count again: a
/// candidate that its gates refused would be refused again a minute later.
public struct RetrainMachine: Hashable, Sendable {
    /// What it hears.
    public enum Event: Hashable, Sendable {
        /// The fleet as it now stands.
        case observed(RetrainObservation)
        /// A run was started by a person.
        case started
        /// The run ended: refused, failed or released.
        case ended
    }

    /// What it wants.
    public enum Action: Hashable, Sendable {
        /// Cut a dataset version and start a training run.
        case start(triggers: [FiredTrigger])
    }

    /// What a restart needs.
    public struct Snapshot: Hashable, Sendable {
        /// When the policy began, or the last run started: the schedule counts from here.
        public var since: Instant
        public var isRunning: Bool
        /// When the last run ended: the cool-down counts from here.
        public var lastEnd: Instant?

        public init(since: Instant, isRunning: Bool = false, lastEnd: Instant? = nil) {
            self.since = since
            self.isRunning = isRunning
            self.lastEnd = lastEnd
        }
    }

    /// May be changed at any time; what runs keeps running.
    public var policy: RetrainPolicy
    /// To be persisted after every event.
    public private(set) var snapshot: Snapshot

    public init(policy: RetrainPolicy, snapshot: Snapshot) {
        self.policy = policy
        self.snapshot = snapshot
    }

    /// Takes one event and returns what is to be done.
    public mutating func handle(_ event: Event, at now: Instant) -> [Action] {
        switch event {
        case .started:
            begin(at: now)
        case .ended:
            guard snapshot.isRunning else { return [] }
            snapshot.isRunning = false
            snapshot.lastEnd = now
        case .observed(let observation):
            let fired = policy.triggers.fired(observation, waited: now.since(snapshot.since))
            guard !snapshot.isRunning, !isCoolingDown(at: now), isEnough(fired) else { return [] }
            begin(at: now)
            return [.start(triggers: fired)]
        }
        return []
    }

    /// Whether the cool-down after the last run still lasts.
    public func isCoolingDown(at now: Instant) -> Bool {
        snapshot.lastEnd.map { now < $0.advanced(by: policy.coolDown) } ?? false
    }

    private func isEnough(_ fired: [FiredTrigger]) -> Bool {
        switch policy.require {
        case .any: !fired.isEmpty
        case .all: !fired.isEmpty && fired.count == policy.triggers.count
        }
    }

    private mutating func begin(at now: Instant) {
        snapshot.isRunning = true
        snapshot.since = now
    }
}

extension [FiredTrigger] {
    /// All reasons in one line, for alerts and the journal.
    public var reason: String { map(\.reason).joined(separator: "; ") }
}
