public import FleetModel

/// The device's idea of the time: it runs evenly and never goes back, and it is never earlier than what a trusted
/// signature has proved. So a device without a battery-backed clock, which starts in 1970, still judges expiry by the
/// newest signed document that it has seen.
public struct DeviceClock: Hashable, Sendable {
    /// The latest instant that a trusted signature named. Worth storing.
    public private(set) var floor: Instant
    private var base: Instant
    private var baseMonotonic: Int64

    /// - Parameters:
    ///   - floor: the stored floor of earlier boots.
    ///   - system: what the operating system says.
    ///   - monotonic: milliseconds of a clock that only runs forward.
    public init(floor: Instant, system: Instant, monotonic: Int64) {
        self.floor = floor
        base = max(floor, system)
        baseMonotonic = monotonic
    }

    /// The time now. A system clock that is set forward (by NTP, say) is followed; one that is set back is not, until
    /// the agent starts again.
    public mutating func now(system: Instant, monotonic: Int64) -> Instant {
        let even = base.advanced(by: Interval(milliseconds: max(0, monotonic - baseMonotonic)))
        guard system > even else { return even }
        base = system
        baseMonotonic = monotonic
        return system
    }

    /// A trusted document says that it is at least this late. True if that is news.
    public mutating func learn(_ instant: Instant, monotonic: Int64) -> Bool {
        guard instant > floor else { return false }
        floor = instant
        let even = base.advanced(by: Interval(milliseconds: max(0, monotonic - baseMonotonic)))
        if instant > even {
            base = instant
            baseMonotonic = monotonic
        }
        return true
    }
}
