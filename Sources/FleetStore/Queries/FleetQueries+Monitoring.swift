public import FleetModel
import FleetWire
import GRDB
public import Sketches

/// Drift of a feature in a group over a span of time.
public struct DriftSeriesPoint: Hashable, Sendable {
    /// Such as `side=L`; `*` for all devices.
    public var group: String
    public var feature: String
    public var at: Instant
    /// PSI over threshold: mean over the group's devices.
    public var ratio: Double
    /// The largest of a device.
    public var worst: Double
    public var devices: Int
}

/// Latency of a version over its recent reports.
public struct LatencySummary: Sendable {
    public var version: VersionID
    public var latency: LatencyHistogram
    public var inferences: Int64
    public var errors: Int64
    public var uncertain: Int64
    public var devices: Int
}

extension FleetQueries {
    /// The most reports that one latency summary reads, newest first.
    public static let latencyReports = 2000

    /// Drift by group over time, in steps; groups are the values of a tag.
    ///
    /// - Parameters:
    ///   - tag: Devices with the same value of this tag form a group; nil puts all into one, `*`.
    ///   - step: Width of a time step.
    public func drift(
        by tag: String?, feature: String? = nil, since: Instant, step: Interval
    ) async throws -> [DriftSeriesPoint] {
        try await database.read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT CASE WHEN :tag IS NULL THEN '*' ELSE :tag || '=' || COALESCE(tag.value, '–') END AS name,
                        point.feature, point.at / :step * :step AS moment,
                        AVG(point.psi / point.threshold) AS ratio, MAX(point.psi / point.threshold) AS worst,
                        COUNT(DISTINCT point.device) AS devices
                    FROM drift_point AS point
                    LEFT JOIN device_tag AS tag ON tag.device = point.device AND tag.key = :tag
                    WHERE point.at >= :since AND point.threshold > 0 AND (:feature IS NULL OR point.feature = :feature)
                    GROUP BY name, point.feature, moment ORDER BY name, point.feature, moment
                    """,
                arguments: [
                    "tag": tag, "step": max(1, step.milliseconds), "since": since.milliseconds, "feature": feature,
                ])
            return rows.map { row in
                DriftSeriesPoint(
                    group: row["name"], feature: row["feature"], at: Instant(milliseconds: row["moment"]),
                    ratio: row["ratio"], worst: row["worst"], devices: row["devices"])
            }
        }
    }

    /// Accuracy estimates, oldest first.
    public func accuracy(
        group: String? = nil, since: Instant = .epoch, limit: Int = 10_000
    ) async throws -> [AccuracyEstimateRecord] {
        try await database.read { database in
            var request = AccuracyEstimateRecord.filter(Column("at") >= since.milliseconds)
            if let group { request = request.filter(Column("groupKey") == group) }
            return try request.order(Column("at").desc, Column("id").desc).limit(limit).fetchAll(database).reversed()
        }
    }

    /// Latency, errors and uncertainty of each version over its reports since then.
    public func latency(since: Instant) async throws -> [LatencySummary] {
        try await database.read { database in
            let reports = try ReportRecord.filter(Column("endedAt") >= since.milliseconds)
                .order(Column("endedAt").desc).limit(Self.latencyReports).fetchAll(database)
            return try Dictionary(grouping: reports, by: \.version).sorted { $0.key < $1.key }.map { version, reports in
                var latency = LatencyHistogram()
                for report in reports { latency.merge(try Report(decoding: Array(report.payload)).latency) }
                return LatencySummary(
                    version: version, latency: latency, inferences: reports.reduce(0) { $0 + $1.inferences },
                    errors: reports.reduce(0) { $0 + $1.errors }, uncertain: reports.reduce(0) { $0 + $1.uncertain },
                    devices: Set(reports.map(\.device)).count)
            }
        }
    }

    /// Tag keys that devices carry, in order: what groups can be formed by.
    public func tagKeys() async throws -> [String] {
        try await database.read {
            try String.fetchAll($0, sql: "SELECT DISTINCT key FROM device_tag ORDER BY key")
        }
    }
}
