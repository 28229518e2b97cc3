public import FleetModel
import GRDB

/// A device with all that a list shows of it.
public struct DeviceOverview: Sendable {
    public var device: DeviceRecord
    public var tags: [String: String]
    public var slots: [DeviceSlotRecord]
    /// The newest verdict's worst metric, for the release that runs; nil before the first.
    public var drift: DriftPointRecord?
    /// Inferences reported since ``FleetQueries/recentWindow`` ago.
    public var recentInferences: Int64
}

/// A release as a digest on a device stands for it.
public struct ReleaseLabel: Hashable, Sendable {
    public var name: ReleaseName
    public var slot: SlotName
    public var version: VersionID
}

extension FleetQueries {
    /// What "recent" means in lists of devices.
    public static let recentWindow = Interval.minutes(24 * 60)

    /// Devices in the order of their ids.
    ///
    /// - Parameters:
    ///   - selector: Only these.
    ///   - search: Only those whose id or a tag contains this text.
    ///   - after: Only those behind this id.
    public func devices(
        selector: Selector = .all, search: String = "", after: DeviceID? = nil, limit: Int, now: Instant
    ) async throws -> ListPage<DeviceOverview> {
        try await database.read { database in
            let tags = try Self.tags(database)
            let all = try DeviceRecord.filter(Column("id") > (after?.text ?? "")).order(Column("id")).fetchAll(database)
            let needle = search.lowercased()
            let matching = all.filter { device in
                let own = tags[device.id] ?? [:]
                guard selector.matches(device.id, tags: own) else { return false }
                guard !needle.isEmpty else { return true }
                return device.id.text.lowercased().contains(needle)
                    || own.contains { "\($0.key)=\($0.value)".lowercased().contains(needle) }
            }
            let page = Array(matching.prefix(limit))
            let items = try Self.overviews(page, tags, database, now: now)
            return ListPage(items: items, next: matching.count > limit ? page.last?.id.text : nil)
        }
    }

    /// One device.
    public func device(_ id: DeviceID, now: Instant) async throws -> DeviceOverview? {
        try await database.read { database in
            guard let device = try DeviceRecord.fetchOne(database, key: id.text) else { return nil }
            return try Self.overviews([device], Self.tags(database), database, now: now).first
        }
    }

    /// Names of releases by the digests that devices speak of.
    public func releaseLabels() async throws -> [Digest: ReleaseLabel] {
        try await database.read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT release.digest, release.name, part.slot, part.model, part.number FROM release
                    JOIN release_part AS part ON part.release = release.name WHERE release.digest IS NOT NULL
                    """)
            var labels: [Digest: ReleaseLabel] = [:]
            for row in rows {
                labels[row["digest"]] = ReleaseLabel(
                    name: row["name"], slot: row["slot"],
                    version: VersionID(model: row["model"], number: row["number"]))
            }
            return labels
        }
    }

    /// A device's receipts, newest first.
    public func receipts(of device: DeviceID, limit: Int) async throws -> [ReceiptRecord] {
        try await database.read { database in
            try ReceiptRecord.filter(Column("device") == device.text).order(Column("committedAt").desc).limit(limit)
                .fetchAll(database)
        }
    }

    /// A device's reports, newest first.
    public func reports(of device: DeviceID, limit: Int) async throws -> [ReportRecord] {
        try await database.read { database in
            try ReportRecord.filter(Column("device") == device.text).order(Column("endedAt").desc).limit(limit)
                .fetchAll(database)
        }
    }

    /// Lines of a device's log, newest first.
    public func log(of device: DeviceID, before: Int64? = nil, limit: Int) async throws -> ListPage<DeviceLogRecord> {
        try await database.read { database in
            var request = DeviceLogRecord.filter(Column("device") == device.text).order(Column("id").desc)
                .limit(limit + 1)
            if let before { request = request.filter(Column("id") < before) }
            return ListPage(cutting: try request.fetchAll(database), to: limit) { $0.id.map(String.init) }
        }
    }

    /// The newest drift points of each feature of a device's slots, for the release that runs.
    public func drift(of device: DeviceID) async throws -> [DriftPointRecord] {
        try await database.read { try Self.latestDrift($0)[device] ?? [] }
    }

    /// How many devices there are, and how many of them are online.
    public func deviceCounts() async throws -> (devices: Int, online: Int, revoked: Int) {
        try await database.read { database in
            (
                try DeviceRecord.fetchCount(database),
                try DeviceRecord.filter(Column("online") == true).fetchCount(database),
                try DeviceRecord.filter(Column("revokedAt") != nil).fetchCount(database)
            )
        }
    }

    // MARK: - Parts

    static func tags(_ database: Database) throws -> [DeviceID: [String: String]] {
        var tags: [DeviceID: [String: String]] = [:]
        for tag in try DeviceTagRecord.fetchAll(database) { tags[tag.device, default: [:]][tag.key] = tag.value }
        return tags
    }

    private static func overviews(
        _ devices: [DeviceRecord], _ tags: [DeviceID: [String: String]], _ database: Database, now: Instant
    ) throws -> [DeviceOverview] {
        // What a device is there for comes first, its own program last.
        let order = [Column("device"), Column("slot") == SlotName.agent.text, Column("slot")] as [any SQLOrderingTerm]
        let slots = Dictionary(grouping: try DeviceSlotRecord.order(order).fetchAll(database), by: \.device)
        let drift = try latestDrift(database)
        var inferences: [DeviceID: Int64] = [:]
        let since = now.milliseconds - recentWindow.milliseconds
        for row in try Row.fetchAll(
            database, sql: "SELECT device, SUM(inferences) AS total FROM report WHERE endedAt > ? GROUP BY device",
            arguments: [since])
        {
            inferences[row["device"]] = row["total"]
        }
        return devices.map { device in
            DeviceOverview(
                device: device, tags: tags[device.id] ?? [:], slots: slots[device.id] ?? [],
                drift: drift[device.id]?.max { $0.ratio < $1.ratio }, recentInferences: inferences[device.id] ?? 0)
        }
    }

    /// The points of the newest moment of each device and slot whose release is the one that runs.
    private static func latestDrift(_ database: Database) throws -> [DeviceID: [DriftPointRecord]] {
        let points = try DriftPointRecord.fetchAll(
            database,
            sql: """
                SELECT point.* FROM drift_point AS point
                JOIN device_slot AS slot
                  ON slot.device = point.device AND slot.slot = point.slot AND slot.champion = point.release
                JOIN (SELECT device, slot, release, MAX(at) AS at FROM drift_point GROUP BY device, slot, release) AS newest
                  ON newest.device = point.device AND newest.slot = point.slot AND newest.release = point.release
                     AND newest.at = point.at
                """)
        return Dictionary(grouping: points, by: \.device)
    }
}

extension DriftPointRecord {
    /// PSI over its threshold: above 1 is drift.
    public var ratio: Double { threshold > 0 ? psi / threshold : 0 }
}
