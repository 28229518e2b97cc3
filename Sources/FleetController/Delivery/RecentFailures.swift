import FleetModel

/// What failed a short while ago, and is left alone until it is worth another attempt.
struct RecentFailures<Key: Hashable & Sendable>: Sendable {
    private var failedAt: [Key: Instant] = [:]

    /// What is left alone now.
    func resting(at now: Instant) -> Set<Key> { Set(failedAt.keys.filter { isResting($0, at: now) }) }

    func isResting(_ key: Key, at now: Instant) -> Bool {
        guard let failed = failedAt[key] else { return false }
        return now >= failed && now.since(failed) < DeliveryLimits.failurePause
    }

    mutating func failed(_ key: Key, at now: Instant) {
        // Nothing else bounds them.
        failedAt = failedAt.filter { isResting($0.key, at: now) }
        failedAt[key] = now
    }

    mutating func succeeded(_ key: Key) { failedAt[key] = nil }
}
