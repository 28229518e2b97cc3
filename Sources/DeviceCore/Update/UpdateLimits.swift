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
    /// Failures of one release before it is quarantined: not tried for a while, which doubles with each further one.
    public var strikes = 3
    /// The first quarantine of a release.
    public var quarantine = Interval.minutes(10)
    /// The longest.
    public var quarantineCap = Interval.days(1)
    /// Ends of the agent's process within the champion's work, each within `crashWindow` of the one before, until the
    /// device leaves that release for the last good one.
    public var crashes = 3
    /// A crash after a longer time than this is counted as a first one.
    public var crashWindow = Interval.minutes(60)
    /// What a candidate must show before it becomes champion.
    public var probation = ProbationLimits()
    /// Where the device stands: maintenance windows are meant by the clock there.
    public var zone = SiteZone.utc

    public init() {}

    /// Committed releases that are remembered as places to return to.
    public static let committedKept = 16
    /// Releases whose failures are remembered.
    public static let strikesKept = 8
    /// Characters of a detail, as in `ReportedSlot`.
    public static let detailLength = 200

    /// Blobs that are remembered for not having yielded their image.
    public static let spentKept = 8

    /// How long a release that failed `count` times is quarantined; nil: it is not.
    public func quarantine(afterStrikes count: Int) -> Interval? {
        guard count >= strikes else { return nil }
        return Self.doubled(quarantine, times: count - strikes, cap: quarantineCap)
    }

    /// The pause after failed attempt number `attempt`, counted from 1.
    public func pause(afterAttempt attempt: Int) -> Interval {
        Self.doubled(backoff, times: attempt - 1, cap: backoffCap)
    }

    private static func doubled(_ first: Interval, times: Int, cap: Interval) -> Interval {
        let doublings = Int64(min(max(times, 0), 30))
        let (product, overflow) = first.milliseconds.multipliedReportingOverflow(by: 1 << doublings)
        return overflow ? cap : min(Interval(milliseconds: product), cap)
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
