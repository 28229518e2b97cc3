import FleetController
import FleetCrypto
import FleetModel

/// The console's sessions as a value: at most ``ConsoleLimits/sessions``, each until it has idled too long. They live in
/// memory: a restart of the controller asks people to log in again, and no cookie outlives the process that gave it.
struct SessionBook: Sendable {
    private var sessions: [Digest: Session] = [:]

    var count: Int { sessions.count }

    /// Begins a session; the oldest makes room.
    mutating func begin(_ session: Session) {
        if sessions.count >= ConsoleLimits.sessions,
            let oldest = sessions.min(by: { $0.value.lastUsed < $1.value.lastUsed })?.key
        {
            sessions[oldest] = nil
        }
        sessions[Self.key(session.secret)] = session
    }

    /// The live session of a cookie; its idle time starts again.
    mutating func use(_ secret: String, at now: Instant) -> Session? {
        let key = Self.key(secret)
        guard var session = sessions[key] else { return nil }
        guard now.since(session.lastUsed) < .minutes(60 * ConsoleLimits.sessionHours) else {
            sessions[key] = nil
            return nil
        }
        session.lastUsed = now
        sessions[key] = session
        return session
    }

    /// Ends a session.
    mutating func end(_ secret: String) { sessions[Self.key(secret)] = nil }

    private static func key(_ secret: String) -> Digest { SHA256.hash(Array(secret.utf8)) }
}

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
