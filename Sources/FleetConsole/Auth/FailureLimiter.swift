import FleetModel

/// Refuses an address that has failed too often, as a value.
struct FailureLimiter: Sendable {
    /// Failures of one address within `window` before it must wait.
    let limit: Int
    let window: Interval
    private var failures: [String: [Instant]] = [:]

    init(limit: Int, window: Interval) {
        self.limit = limit
        self.window = window
    }

    /// Of people who log in.
    static var logins: FailureLimiter {
        FailureLimiter(limit: ConsoleLimits.loginFailures, window: .minutes(ConsoleLimits.loginMinutes))
    }

    /// Of devices that enrol. Many may share an address, and what is refused is asked again every ten minutes.
    static var enrolments: FailureLimiter {
        FailureLimiter(limit: ConsoleLimits.enrolFailures, window: .minutes(ConsoleLimits.enrolMinutes))
    }

    /// Seconds to wait before the address may try again; nil if it may now.
    func wait(for address: String, at now: Instant) -> Int64? {
        let recent = recent(address, now)
        guard recent.count >= limit, let first = recent.first else { return nil }
        return max(1, first.advanced(by: window).since(now).milliseconds / 1000)
    }

    /// Remembers a failure.
    mutating func failed(_ address: String, at now: Instant) {
        if failures[address] == nil, failures.count >= ConsoleLimits.failedAddresses,
            let oldest = failures.min(by: { ($0.value.last ?? .epoch) < ($1.value.last ?? .epoch) })?.key
        {
            failures[oldest] = nil
        }
        failures[address] = Array((recent(address, now) + [now]).suffix(limit))
    }

    /// Forgets an address that got in.
    mutating func succeeded(_ address: String) { failures[address] = nil }

    private func recent(_ address: String, _ now: Instant) -> [Instant] {
        (failures[address] ?? []).filter { now.since($0) < window }
    }
}
