/// A point in time: milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// Cores never read a clock; shells pass an instant with every event.
public struct Instant: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var milliseconds: Int64

    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// 1970-01-01T00:00:00Z: where a device without a battery-backed clock starts.
    public static let epoch = Instant(milliseconds: 0)

    public func advanced(by interval: Interval) -> Instant {
        Instant(milliseconds: milliseconds &+ interval.milliseconds)
    }

    /// From `earlier` to here; negative if `earlier` is later.
    public func since(_ earlier: Instant) -> Interval {
        Interval(milliseconds: milliseconds &- earlier.milliseconds)
    }

    public static func < (a: Instant, b: Instant) -> Bool { a.milliseconds < b.milliseconds }
    public var description: String { "\(milliseconds) ms" }

    /// The earlier of two times that something is due; nil if nothing is. Asked after every message, so it makes no array.
    public static func earlier(_ a: Instant?, _ b: Instant?) -> Instant? {
        guard let a, let b else { return a ?? b }
        return min(a, b)
    }
}

/// A span of time in milliseconds.
public struct Interval: Hashable, Comparable, Sendable {
    public var milliseconds: Int64

    public init(milliseconds: Int64) { self.milliseconds = milliseconds }
    public static func seconds(_ count: Int64) -> Interval { Interval(milliseconds: count * 1000) }
    public static func minutes(_ count: Int64) -> Interval { .seconds(count * 60) }
    public static func days(_ count: Int64) -> Interval { .minutes(count * 24 * 60) }

    public static func < (a: Interval, b: Interval) -> Bool { a.milliseconds < b.milliseconds }
}
