import Sketches

/// Bounds of the pause between connection attempts.
public struct BackoffPolicy: Sendable, Equatable {
    /// Upper bound of the first pause in milliseconds, 1…3_600_000. Default 500.
    public var firstMilliseconds: Int64
    /// Upper bound of every pause in milliseconds, at least `firstMilliseconds`, at most 86_400_000. Default 60_000.
    public var maximumMilliseconds: Int64

    public init(firstMilliseconds: Int64 = 500, maximumMilliseconds: Int64 = 60_000) {
        self.firstMilliseconds = firstMilliseconds
        self.maximumMilliseconds = maximumMilliseconds
    }

    func validate() throws(MQTTError) {
        guard (1...3_600_000).contains(firstMilliseconds),
            (firstMilliseconds...86_400_000).contains(maximumMilliseconds)
        else {
            throw MQTTError(
                .invalidConfiguration,
                "backoff \(firstMilliseconds)…\(maximumMilliseconds) ms: first must be 1…3600000, maximum first…86400000"
            )
        }
    }
}

/// Exponential backoff with jitter: after n failures the pause is drawn evenly from [b/2, b], b = first · 2ⁿ, capped.
/// Half of the pause is fixed so that no client hammers; half is random so that a fleet does not return as one wave.
/// ("Exponential backoff and jitter", AWS Architecture Blog 2015: the form called "equal jitter".)
public struct Backoff: Sendable, Equatable {
    public let policy: BackoffPolicy
    /// Failures since the last success.
    public private(set) var failures = 0
    private var random: SeededGenerator

    public init(policy: BackoffPolicy, seed: UInt64) {
        self.policy = policy
        random = SeededGenerator(seed: seed)
    }

    /// Counts one more failure and gives the pause before the next attempt.
    public mutating func nextDelayMilliseconds() -> Int64 {
        let doublings = min(failures, 40)
        let scaled = policy.firstMilliseconds.multipliedReportingOverflow(by: Int64(1) << Int64(doublings))
        let bound = scaled.overflow ? policy.maximumMilliseconds : min(scaled.partialValue, policy.maximumMilliseconds)
        failures += 1
        let fixed = bound / 2
        return max(1, fixed + Int64(random.next() % UInt64(bound - fixed + 1)))
    }

    /// A connection held: the next failure starts again from the first pause.
    public mutating func succeeded() {
        failures = 0
    }
}
