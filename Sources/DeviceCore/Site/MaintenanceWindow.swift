public import FleetModel

/// When activation may happen, by the clock of the device's site.
extension ActivationCondition {
    static let minuteMilliseconds: Int64 = 60_000
    static let dayMilliseconds: Int64 = 24 * 60 * minuteMilliseconds

    /// Whether time alone allows activation now. A window whose ends are equal is open all day.
    public func isOpen(at now: Instant, in zone: SiteZone = .utc) -> Bool {
        switch self {
        case .now: return true
        case .lotBoundary: return false
        case .window(let start, let end):
            let minute = Int(zone.timeOfDay(now) / Self.minuteMilliseconds)
            if start == end { return true }
            return start < end ? (start..<end).contains(minute) : minute >= start || minute < end
        }
    }

    /// When to look again whether `isOpen` became true: `now` itself if it is, never later than the next opening; nil if
    /// time does not decide. A window that clocks jump over opens the day after.
    public func nextOpening(after now: Instant, in zone: SiteZone = .utc) -> Instant? {
        switch self {
        case .now: return now
        case .lotBoundary: return nil
        case .window(let start, _):
            if isOpen(at: now, in: zone) { return now }
            let gap = (Int64(start) * Self.minuteMilliseconds - zone.timeOfDay(now)) % Self.dayMilliseconds
            let wait = Interval(milliseconds: gap <= 0 ? gap + Self.dayMilliseconds : gap)
            // Clocks that change in between bring the opening nearer, or put it off: then this is asked again.
            let change = zone.offset(at: now.advanced(by: wait)) - zone.offset(at: now)
            let nearer = Interval(milliseconds: wait.milliseconds - Int64(max(0, change)) * 1000)
            return now.advanced(by: max(nearer, Interval(milliseconds: Self.minuteMilliseconds)))
        }
    }
}
