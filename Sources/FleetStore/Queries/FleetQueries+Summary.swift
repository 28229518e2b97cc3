public import FleetModel
import GRDB

/// Counts over everything, for the start page, `/metrics` and `martlet status`.
public struct FleetSummary: Sendable {
    public var devices = 0
    public var online = 0
    public var receipts: [VersionID: Int] = [:]
    public var samples = 0
    public var reports = 0
    public var inferences: Int64 = 0
    /// Reports and samples that arrived again and were not counted again.
    public var duplicates: Int64 = 0
    public var annotations = 0
    public var openAlerts: [AlertKind: Int] = [:]
    public var webhooksDelivered = 0
    public var webhooksPending = 0
}

extension FleetQueries {
    public func summary() async throws -> FleetSummary {
        var summary = FleetSummary()
        let counts = try await deviceCounts()
        summary.devices = counts.devices
        summary.online = counts.online
        summary.receipts = try await receiptsByVersion()
        summary.openAlerts = try await openAlerts()
        let known = summary
        return try await database.read { database in
            var summary = known
            let row = try Row.fetchOne(database, sql: Self.totals)
            summary.samples = row?["samples"] ?? 0
            summary.reports = row?["reports"] ?? 0
            summary.inferences = row?["inferences"] ?? 0
            summary.duplicates = row?["duplicates"] ?? 0
            summary.annotations = row?["annotations"] ?? 0
            summary.webhooksDelivered = row?["delivered"] ?? 0
            summary.webhooksPending = row?["pending"] ?? 0
            return summary
        }
    }

    private static let totals = """
        SELECT (SELECT COUNT(*) FROM sample) AS samples, (SELECT COUNT(*) FROM report) AS reports,
            (SELECT COALESCE(SUM(inferences), 0) FROM report) AS inferences,
            (SELECT COALESCE(SUM(duplicates), 0) FROM stream_cursor) AS duplicates,
            (SELECT COUNT(*) FROM annotation) AS annotations,
            (SELECT COUNT(*) FROM webhook_delivery WHERE state = 'delivered') AS delivered,
            (SELECT COUNT(*) FROM webhook_delivery WHERE state = 'pending') AS pending
        """
}
