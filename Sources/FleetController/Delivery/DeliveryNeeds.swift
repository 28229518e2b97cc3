import FleetModel
import FleetStore
import GRDB

/// What the broker may lack, or hold for nothing: one snapshot of the database. In most rounds there is nothing.
struct DeliveryNeeds {
    /// The role document in force.
    var roles: TrustDocumentRecord?
    /// Images of releases in use that were not encoded yet.
    var unencoded: [Digest]
    /// Needed blobs that the broker was not given, whole ones first.
    var blobs: [DeliveryRecord]
    /// Bytes of all blobs that it was given.
    var retainedBytes: Int
    /// Releases in use.
    var releases: [Release]
    /// Devices whose newest desired document it was not given.
    var devices: [DeviceRecord]
    /// Releases whose manifests nobody needs any more.
    var retired: [Digest]
    /// Blobs that it was given and nobody needs any more.
    var unused: [DeliveryRecord]

    /// A release in use.
    struct Release {
        var record: ReleaseRecord
        /// Its images that the broker was not given.
        var unpublished: [Digest]
    }

    /// - Parameter grace: what was retired before this is kept no longer.
    init(_ database: Database, retiredBefore grace: Instant) throws {
        roles = try TrustRows.document(database)
        unencoded = try database.values(
            "SELECT DISTINCT image FROM (\(Self.neededImages)) WHERE image NOT IN (SELECT blob FROM delivery)")
        blobs = try DeliveryRecord.all(
            database,
            where: """
                publishedAt IS NULL AND image IN (\(Self.neededImages))
                    AND (base IS NULL OR base IN (\(Self.heldImages)))
                ORDER BY base IS NOT NULL, createdAt
                """)
        retainedBytes =
            try database.value("SELECT coalesce(sum(bytes), 0) FROM delivery WHERE publishedAt IS NOT NULL") ?? 0
        releases = try ReleaseRecord.all(database, where: "stage = ?", [ReleaseStage.released.rawValue]).map {
            let unpublished: [Digest] = try database.values(
                """
                SELECT part.image FROM release_part AS part LEFT JOIN delivery ON delivery.blob = part.image
                WHERE part.release = ? AND delivery.publishedAt IS NULL
                """, [$0.name])
            return Release(record: $0, unpublished: unpublished)
        }
        devices = try DeviceRecord.all(
            database, where: "generation <> publishedGeneration AND revokedAt IS NULL ORDER BY id")
        retired = try database.values(
            "SELECT digest FROM release WHERE retiredAt <= ? AND digest IS NOT NULL", [grace])
        unused = try DeliveryRecord.all(
            database,
            where: """
                publishedAt IS NOT NULL AND (
                    base IS NOT NULL AND base NOT IN (\(Self.heldImages))
                    OR image NOT IN (\(Self.neededImages)) AND image NOT IN (
                        SELECT part.image FROM release_part AS part JOIN release ON release.name = part.release
                        WHERE release.retiredAt > ?))
                """, [grace])
    }

    /// Images of releases in use.
    private static let neededImages = """
        SELECT part.image FROM release_part AS part JOIN release ON release.name = part.release
        WHERE release.stage = 'released'
        """
    /// Images that devices run: what differences may start from.
    private static let heldImages = """
        SELECT part.image FROM device_slot AS slot JOIN release ON release.digest = slot.champion
        JOIN release_part AS part ON part.release = release.name AND part.slot = slot.slot
        """
}
