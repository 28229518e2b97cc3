import FleetModel
import Synchronization

/// Counts refused messages by sender, and says when an alert about a sender is due: a sender that floods the
/// controller with rubbish must not flood people too.
final class RefusalBook: Sendable {
    private struct Entry {
        var count = 0
        var told: Instant?
    }

    private let entries = Mutex<[String: Entry]>([:])

    /// Counts one refusal, or as many as were gathered elsewhere.
    ///
    /// - Returns: how many there were of this sender since it was last told, if it is time to tell; else nil.
    func note(_ sender: String, count: Int = 1, at now: Instant) -> Int? {
        entries.withLock { entries in
            let isKnown = entries[sender] != nil || entries.count < IngestLimits.refusedSenders
            let key = isKnown ? sender : "*"
            var entry = entries[key] ?? Entry()
            defer { entries[key] = entry }
            entry.count = min(entry.count + count, IngestLimits.refusalCount)
            if let told = entry.told, now.since(told) < IngestLimits.refusalAlertPause { return nil }
            entry.told = now
            defer { entry.count = 0 }
            return entry.count
        }
    }
}
