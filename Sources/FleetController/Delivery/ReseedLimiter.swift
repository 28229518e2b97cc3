import FleetModel

/// Which chunks may be seeded again: each at most once per pause. Its memory is bounded; the oldest entries go first.
struct ReseedLimiter: Sendable {
    /// A chunk of a blob; nil for the blob's map.
    struct Key: Hashable, Sendable {
        var blob: Digest
        var chunk: Int?
    }

    private var last: [Key: Instant] = [:]

    /// Whether the chunk may be seeded now; if so, the pause begins.
    mutating func allow(_ key: Key, at now: Instant) -> Bool {
        if let before = last[key], now.since(before) < DeliveryLimits.reseedPause { return false }
        if last.count >= DeliveryLimits.reseedMemory { forget(at: now) }
        last[key] = now
        return true
    }

    /// Drops what is over; if that does not make room, the older half.
    private mutating func forget(at now: Instant) {
        last = last.filter { now.since($0.value) < DeliveryLimits.reseedPause }
        guard last.count >= DeliveryLimits.reseedMemory else { return }
        let oldest = last.sorted { $0.value < $1.value }.prefix(last.count / 2)
        for entry in oldest { last[entry.key] = nil }
    }
}
