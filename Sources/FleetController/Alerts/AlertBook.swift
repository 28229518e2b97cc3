import FleetModel
import FleetStore
import GRDB

/// A condition that a person should know of.
struct AlertCondition: Hashable, Sendable {
    /// Same condition, same text: one open alert each.
    var fingerprint: String
    var kind: AlertKind
    var severity: AlertSeverity
    /// What it is about, such as a device id.
    var subject: String
    var title: String
    /// Why it is so, with numbers.
    var reason: String
    /// What to do about it.
    var action: String
}

/// Opening and closing alerts inside a transaction, so that an alert and what it is about are never apart.
enum AlertBook {
    /// Opens an alert, or tells the open one anew. Webhooks hear of an opening and of a closing.
    static func open(
        _ database: Database, _ condition: AlertCondition, at now: Instant, changes: inout [ChangeEvent]
    ) throws {
        if var alert = try openAlert(database, condition.fingerprint) {
            alert.occurrences += 1
            alert.updatedAt = now
            alert.severity = condition.severity
            alert.title = condition.title
            alert.reason = condition.reason
            alert.action = condition.action
            try alert.update(database)
            return
        }
        var alert = AlertRecord(
            fingerprint: condition.fingerprint, kind: condition.kind, severity: condition.severity,
            subject: condition.subject, title: condition.title, reason: condition.reason, action: condition.action,
            openedAt: now, updatedAt: now)
        try alert.insert(database)
        try WebhookQueue.enqueue(database, alert, at: now)
        changes.append(ChangeEvent(.alert, alert.id ?? 0))
    }

    /// Closes the open alert of a condition that holds no more; nothing happens without one.
    static func close(
        _ database: Database, fingerprint: String, at now: Instant, changes: inout [ChangeEvent]
    ) throws {
        guard var alert = try openAlert(database, fingerprint) else { return }
        alert.closedAt = now
        alert.updatedAt = now
        try alert.update(database)
        try WebhookQueue.enqueue(database, alert, at: now)
        changes.append(ChangeEvent(.alert, alert.id ?? 0))
    }

    static func openAlert(_ database: Database, _ fingerprint: String) throws -> AlertRecord? {
        try AlertRecord.first(database, where: "fingerprint = ? AND closedAt IS NULL", [fingerprint])
    }
}
