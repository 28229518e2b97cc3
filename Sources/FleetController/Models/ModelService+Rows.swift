import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB

/// Reading and writing a model's rows inside a transaction.
extension ModelService {
    static func version(_ database: Database, _ id: VersionID) throws -> VersionRecord {
        let request = VersionRecord.filter(Column("model") == id.model && Column("number") == id.number)
        guard let record = try request.fetchOne(database) else { throw ControllerError.notFound("version", id) }
        return record
    }

    /// The name of a model's next version; makes the model if it is new.
    static func nextVersion(
        _ database: Database, of model: ModelName, description: String = "", at now: Instant
    ) throws -> VersionID {
        if try ModelRecord.fetchOne(database, key: model) == nil {
            try ModelRecord(name: model, description: description, createdAt: now).insert(database)
        }
        let number = try Int.fetchOne(
            database, sql: "SELECT coalesce(max(number), 0) + 1 FROM version WHERE model = ?", arguments: [model])
        return VersionID(model: model, number: number ?? 1)
    }

    /// The newest image of a version.
    static func image(_ database: Database, _ id: VersionID) throws -> ImageRecord? {
        try ImageRecord.filter(Column("model") == id.model && Column("number") == id.number)
            .order(Column("createdAt").desc).fetchOne(database)
    }

    static func record(
        _ id: VersionID, onnx: Digest, lineage: Lineage, by caller: Identity, at now: Instant
    ) -> VersionRecord {
        VersionRecord(
            model: id.model, number: id.number, onnx: onnx, description: lineage.description,
            dataset: lineage.dataset, datasetVersion: lineage.datasetVersion, trainingRun: lineage.trainingRun,
            trainer: lineage.trainer, parameters: lineage.parameters, metrics: lineage.metrics, createdAt: now,
            createdBy: caller.name)
    }

    /// Stores a release part as the only part of an unsigned manifest, with the version and image filled in.
    static func store(_ database: Database, _ part: ReleasePart, for id: VersionID, image: ImageRecord) throws {
        var part = part
        part.version = id
        part.thresholds.derivedFrom = id
        part.image = ImageReference(digest: image.digest, bytes: image.bytes, arenaBytes: image.arenaBytes)
        let manifest = ReleaseManifest(
            name: ReleaseName(unchecked: "material"), counter: 0, created: .epoch, expires: .epoch, parts: [part])
        var record = try version(database, id)
        record.material = Data(manifest.encoded())
        record.input = part.input
        record.classes = part.classes
        try record.update(database)
    }

    static func material(_ database: Database, _ id: VersionID) throws -> ReleasePart? {
        try materialManifest(database, id)?.parts.first
    }

    /// The hardware that releases of a version are bound to unless more is asked for; empty: any.
    static func hardware(_ database: Database, _ id: VersionID) throws -> [String] {
        try materialManifest(database, id)?.compatibility.hardware ?? []
    }

    private static func materialManifest(_ database: Database, _ id: VersionID) throws -> ReleaseManifest? {
        try version(database, id).material.map { try ReleaseManifest(decoding: [UInt8]($0)) }
    }
}
