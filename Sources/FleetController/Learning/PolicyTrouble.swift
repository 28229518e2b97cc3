import FleetModel

/// Which policies could not be followed, and when each is tried again.
struct PolicyTrouble: Sendable {
    /// The pause after the first failure; it doubles each time.
    static let firstPause = Interval.seconds(2)
    /// The longest pause.
    static let longestPause = Interval.minutes(5)

    private struct Entry {
        var failures: Int
        var nextAt: Instant
    }

    private var entries: [String: Entry] = [:]
    /// Policies that did well since the controller began: what was wrong with them before is over.
    private var well: Set<String> = []

    func mayTry(_ policy: String, at now: Instant) -> Bool { entries[policy].map { now >= $0.nextAt } ?? true }

    mutating func note(_ policy: String, at now: Instant) {
        let failures = (entries[policy]?.failures ?? 0) + 1
        let pause = min(
            Self.firstPause.milliseconds << Int64(min(failures - 1, 20)), Self.longestPause.milliseconds)
        entries[policy] = Entry(failures: failures, nextAt: now.advanced(by: Interval(milliseconds: pause)))
        well.remove(policy)
    }

    /// - Returns: whether an alert may be open: after a failure, and at a policy's first turn after a restart.
    mutating func forget(_ policy: String) -> Bool {
        entries[policy] = nil
        return well.insert(policy).inserted
    }

    static func fingerprint(_ policy: String) -> String { "policy/\(policy)" }
}
