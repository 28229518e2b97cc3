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

    /// Rows that one transaction removes at most, so that ingest never waits long.
    static let rowsAtOnce = 2000

    let context: ControllerContext

    /// Works until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            do {
                try await sweep()
                try await retire()
            } catch {
                context.logFailure(of: "housekeeping", error)
            }
            try? await Task.sleep(for: .milliseconds(Self.pause.milliseconds))
        }
    }

    /// Removes reports, samples, receipts and lines of devices' logs that are older than the configuration keeps them, a part at a time.
    func retire() async throws {
        let limits = context.configuration.retention
        let kinds: [(Interval?, String)] = [
            (limits.reports, Self.oldReports), (limits.samples, Self.oldSamples), (limits.receipts, Self.oldReceipts),
            (limits.deviceLogs, Self.oldDeviceLogs),
        ]
        for (lifetime, sql) in kinds {
            guard let lifetime else { continue }
            let before = context.now().advanced(by: Interval(milliseconds: -lifetime.milliseconds))
            var removed = Self.rowsAtOnce
            while removed == Self.rowsAtOnce, !Task.isCancelled {
                removed = try await context.write { database, _ in
                    try database.execute(sql: sql, arguments: [before, Self.rowsAtOnce])
                    return database.changesCount
                }
            }
        }
    }

    /// What was committed stays acknowledged: the cursors of the streams remember it, not the rows.
    private static let oldReports = """
        DELETE FROM report WHERE rowid IN (SELECT rowid FROM report WHERE receivedAt < ? LIMIT ?)
        """
    private static let oldDeviceLogs = """
        DELETE FROM device_log WHERE id IN (SELECT id FROM device_log WHERE receivedAt < ? LIMIT ?)
        """
    /// Never one with an annotation, withdrawn or not, or in a dataset version.
    private static let oldSamples = """
        DELETE FROM sample WHERE id IN (
            SELECT id FROM sample
            WHERE verdict IS NULL AND receivedAt < ?
              AND NOT EXISTS (SELECT 1 FROM annotation WHERE annotation.sample = sample.id)
              AND NOT EXISTS (SELECT 1 FROM dataset_item WHERE dataset_item.sample = sample.id)
            LIMIT ?)
        """
    /// Never the proof of what a device runs, nor what an open rollout counts as success.
    private static let oldReceipts = """
        DELETE FROM receipt WHERE (device, slot, release, committedAt) IN (
            SELECT device, slot, release, committedAt FROM receipt
            WHERE receivedAt < ?
              AND EXISTS (
                  SELECT 1 FROM receipt AS newer
                  WHERE newer.device = receipt.device AND newer.slot = receipt.slot
                    AND newer.committedAt > receipt.committedAt)
              AND NOT EXISTS (
                  SELECT 1 FROM device_slot AS own
                  WHERE own.device = receipt.device AND own.slot = receipt.slot
                    AND receipt.release IN (own.champion, own.previous, own.desiredRelease))
              AND NOT EXISTS (
                  SELECT 1 FROM rollout JOIN release ON release.name = rollout.release
                  WHERE release.digest = receipt.release
                    AND rollout.state NOT IN ('completed', 'aborted', 'rolledBack'))
            LIMIT ?)
        """

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
            try TrustWatch.look(database, at: now, changes: &changes)
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
