public import FleetStore
import GRDB

/// What people do about alerts.
public struct AlertService: Sendable {
    let context: ControllerContext

    /// Says that a person has seen an alert. It stays open until its condition holds no more.
    public func acknowledge(_ id: Int64, reason: String = "", by caller: Identity) async throws -> AlertRecord {
        try await context.perform(
            Command("alerts.acknowledge", by: caller, role: .operator, subject: id, reason: reason)
        ) { database, scope in
            guard var alert = try AlertRecord.fetchOne(database, key: id) else {
                throw ControllerError.notFound("alert", id)
            }
            if alert.acknowledgedAt == nil {
                alert.acknowledgedAt = scope.now
                alert.acknowledgedBy = caller.name
                try alert.update(database)
            }
            scope.detail = ["fingerprint": alert.fingerprint]
            scope.changes = [ChangeEvent(.alert, id)]
            return alert
        }
    }

    /// Opens an alert for a condition, or tells the open one anew.
    func open(_ condition: AlertCondition) async throws {
        let now = context.now()
        try await context.write { try AlertBook.open($0, condition, at: now, changes: &$1) }
    }

    /// Closes the alert of a condition that holds no more.
    func close(fingerprint: String) async throws {
        let now = context.now()
        try await context.write { try AlertBook.close($0, fingerprint: fingerprint, at: now, changes: &$1) }
    }
}
