public import FleetModel

/// Bounds of an installation. Every loop that a device could be caught in ends at one of them.
public struct UpdateLimits: Hashable, Sendable {
    /// Failed attempts to fetch or verify before the installation fails, 1...20.
    public var attempts = 6
    /// Pause after the first failed attempt; doubles with each further one.
    public var backoff = Interval.seconds(2)
    /// The longest pause.
    public var backoffCap = Interval.minutes(10)
    /// Starts of the agent while proving or on probation before the release is held guilty of ending the process.
    public var starts = 3
    /// Stores in one installation (Mender breaks its loops after 28).
    public var stores = 64
    /// Failures of one release before the device refuses further offers of it.
    public var strikes = 3
    /// What a release on probation must keep to.
    /// What a candidate must show before it becomes champion.
    public var probation = ProbationLimits()

    public init() {}

    /// Committed releases that are remembered as places to return to.
    public static let committedKept = 16
    /// Releases whose failures are remembered.
    public static let strikesKept = 8
    /// Characters of a detail, as in `ReportedSlot`.
    public static let detailLength = 200

    /// Blobs that are remembered for not having yielded their image.
    public static let spentKept = 8

    /// The pause after failed attempt number `attempt`, counted from 1.
    public func pause(afterAttempt attempt: Int) -> Interval {
        let doublings = min(max(attempt - 1, 0), 30)
        let (product, overflow) = backoff.milliseconds.multipliedReportingOverflow(by: 1 << Int64(doublings))
        return overflow ? backoffCap : min(Interval(milliseconds: product), backoffCap)
    }
}

/// What a candidate must show while it serves, before it becomes champion.
public struct ProbationLimits: Hashable, Sendable {
    /// Probation ends well after this many inferences …
    public var inferences = 20
    /// … or after this time, whichever comes first.
    public var duration = Interval.seconds(60)
    /// Largest share of inferences that may fail, 0...1.
    public var errorShare = 0.05
    /// Largest share of inferences that may be slower than the manifest's latency limit, 0...1. One half bounds the median.
    public var slowShare = 0.5

    public init() {}

    /// Failed inferences that `inferences` still allow.
    var allowedErrors: Int { Int(errorShare * Double(inferences)) }
}
