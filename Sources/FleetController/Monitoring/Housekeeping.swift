import FleetModel
import FleetStore
import GRDB
import Logging

/// Keeps what grows by itself within bounds.
struct Housekeeping: Sendable {
    /// How often it works.
    static let pause = Interval.minutes(10)
    /// Drift points are kept for this long.
    static let driftLifetime = Interval.minutes(90 * 24 * 60)
    /// Deliveries to webhooks are kept for this long after their end.
    static let deliveryLifetime = Interval.minutes(30 * 24 * 60)
    /// A refusal alert closes when its sender was quiet for this long.
    static let refusalQuiet = Interval.minutes(60)

    let context: ControllerContext

    /// Works until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            do { try await sweep() } catch {
                context.logFailure(of: "housekeeping", error)
            }
            try? await Task.sleep(for: .milliseconds(Self.pause.milliseconds))
        }
    }

    /// Removes what is too old and closes what is over.
    func sweep() async throws {
        let now = context.now()
        func before(_ interval: Interval) -> Instant {
            now.advanced(by: Interval(milliseconds: -interval.milliseconds))
        }
        let parts = before(IngestLimits.partLifetime)
        let points = before(Self.driftLifetime)
        let deliveries = before(Self.deliveryLifetime)
        let quiet = before(Self.refusalQuiet)
        try await context.write { database, changes in
            try database.execute(sql: "DELETE FROM sample_part WHERE receivedAt < ?", arguments: [parts])
            try database.execute(sql: "DELETE FROM drift_point WHERE at < ?", arguments: [points])
            try database.execute(
                sql: "DELETE FROM webhook_delivery WHERE state <> 'pending' AND createdAt < ?", arguments: [deliveries])
            let refusals = try AlertRecord.filter(Column("kind") == AlertKind.ingest && Column("closedAt") == nil)
                .filter(Column("updatedAt") < quiet).fetchAll(database)
            for alert in refusals {
                try AlertBook.close(database, fingerprint: alert.fingerprint, at: now, changes: &changes)
            }
        }
    }
}
