public import FleetModel
import GRDB

/// A model with its versions, newest first.
public struct ModelOverview: Sendable {
    public var model: ModelRecord
    public var versions: [VersionRecord]

    public init(model: ModelRecord, versions: [VersionRecord]) {
        self.model = model
        self.versions = versions
    }
}

/// A version with its image and the releases that carry it.
public struct VersionOverview: Sendable {
    public var version: VersionRecord
    public var image: ImageRecord?
    public var releases: [ReleaseName]
    /// Devices whose newest receipt of the model names this version.
    public var devices: Int
}

/// A release with its parts and signatures.
public struct ReleaseOverview: Sendable {
    public var release: ReleaseRecord
    public var parts: [ReleasePartRecord]
    public var datasets: [ReleaseDatasetRecord]
    public var signatures: [ReleaseSignatureRecord]
    public var rejections: [ApprovalRecord]
    /// Distinct keys that it takes.
    public var threshold: Int
}

extension FleetQueries {
    public func models() async throws -> [ModelOverview] {
        try await database.read { database in
            let versions = Dictionary(
                grouping: try VersionRecord.order(Column("number").desc).fetchAll(database), by: \.model)
            return try ModelRecord.order(Column("name")).fetchAll(database).map {
                ModelOverview(model: $0, versions: versions[$0.name] ?? [])
            }
        }
    }

    /// All versions of a model, newest first, or of one number.
    public func versions(of model: ModelName, number: Int? = nil) async throws -> [VersionOverview] {
        try await database.read { database in
            var request = VersionRecord.filter(Column("model") == model.text).order(Column("number").desc)
            if let number { request = request.filter(Column("number") == number) }
            let running = try Self.runningVersions(database)
            return try request.fetchAll(database).map { version in
                VersionOverview(
                    version: version,
                    image: try ImageRecord.filter(
                        Column("model") == model.text && Column("number") == version.number
                    ).order(Column("createdAt").desc).fetchOne(database),
                    releases: try ReleasePartRecord.filter(
                        Column("model") == model.text && Column("number") == version.number
                    ).fetchAll(database).map(\.release),
                    devices: running[version.id] ?? 0)
            }
        }
    }

    public func model(_ name: ModelName) async throws -> ModelRecord? {
        try await database.read { try ModelRecord.fetchOne($0, key: name.text) }
    }

    /// Releases, newest first, or the one of a name.
    public func releases(_ name: ReleaseName? = nil, limit: Int = 1000) async throws -> [ReleaseOverview] {
        try await database.read { database in
            var request = ReleaseRecord.order(Column("counter").desc).limit(limit)
            if let name { request = request.filter(Column("name") == name.text) }
            let threshold =
                try TrustDocumentRecord.order(Column("number").desc).fetchOne(database)?.threshold ?? 2
            return try request.fetchAll(database).map { release in
                let own = Column("release") == release.name.text
                return ReleaseOverview(
                    release: release,
                    parts: try ReleasePartRecord.filter(own).order(Column("slot")).fetchAll(database),
                    datasets: try ReleaseDatasetRecord.filter(own).fetchAll(database),
                    signatures: try ReleaseSignatureRecord.filter(own).order(Column("createdAt")).fetchAll(database),
                    rejections: try ApprovalRecord.filter(
                        Column("subject") == "release" && Column("name") == release.name.text
                            && Column("verdict") == ApprovalVerdict.rejected
                    ).fetchAll(database),
                    threshold: threshold)
            }
        }
    }

    /// Devices by the version that runs on them, by the release that they say is their champion.
    public func runningVersions() async throws -> [VersionID: Int] {
        try await database.read { try Self.runningVersions($0) }
    }

    /// Distinct devices that hold a receipt, by version.
    public func receiptsByVersion() async throws -> [VersionID: Int] {
        try await database.read { database in
            try Self.versionCounts(
                database, "SELECT model, number, COUNT(DISTINCT device) AS total FROM receipt GROUP BY model, number")
        }
    }

    public func trustedKeys() async throws -> [TrustedKeyRecord] {
        try await database.read { try TrustedKeyRecord.order(Column("holder")).fetchAll($0) }
    }

    private static func runningVersions(_ database: Database) throws -> [VersionID: Int] {
        try versionCounts(
            database,
            """
            SELECT part.model, part.number, COUNT(*) AS total FROM device_slot AS slot
            JOIN release ON release.digest = slot.champion
            JOIN release_part AS part ON part.release = release.name AND part.slot = slot.slot
            GROUP BY part.model, part.number
            """)
    }

    private static func versionCounts(_ database: Database, _ sql: String) throws -> [VersionID: Int] {
        var counts: [VersionID: Int] = [:]
        for row in try Row.fetchAll(database, sql: sql) {
            counts[VersionID(model: row["model"], number: row["number"])] = row["total"]
        }
        return counts
    }
}
