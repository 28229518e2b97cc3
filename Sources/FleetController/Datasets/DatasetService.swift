import FleetCrypto
public import FleetModel
public import FleetStore
import Foundation
import GRDB

/// Datasets: importing frames, cutting immutable versions, reading them.
public struct DatasetService: Sendable {
    /// Frames written in one transaction of an import.
    static let importBatch = 500

    let context: ControllerContext

    /// Makes an empty dataset.
    public func create(
        _ name: String, description: String = "", input: FrameDescription, classes: [String], by caller: Identity
    ) async throws -> DatasetRecord {
        guard (try? ModelName(name)) != nil else {
            throw ControllerError(.invalid, "'\(name.prefix(80))' is no name", hint: "use A-Z a-z 0-9 _ -")
        }
        guard (2...4096).contains(classes.count), Set(classes).count == classes.count else {
            throw ControllerError(.invalid, "a dataset needs at least two classes, each named once")
        }
        guard input.valueCount > 0, !input.channels.isEmpty else {
            throw ControllerError(.invalid, "a frame needs at least one value and one channel")
        }
        return try await context.perform(Command("datasets.create", by: caller, role: .operator, subject: name)) {
            database, scope in
            guard try DatasetRecord.fetchOne(database, key: name) == nil else {
                throw ControllerError(.conflict, "dataset '\(name)' exists")
            }
            let record = DatasetRecord(
                name: name, description: description, input: input, classes: classes, createdAt: scope.now,
                createdBy: caller.name)
            try record.insert(database)
            scope.changes = [ChangeEvent(.dataset, name)]
            return record
        }
    }

    /// Adds frames; a frame that is there already adds nothing, so an import may be repeated after a failure.
    public func `import`(_ name: String, frames: [ImportedFrame], by caller: Identity) async throws -> ImportResult {
        try caller.require(.operator, for: "datasets.import")
        guard frames.count <= ControllerLimits.importedFrames else {
            throw ControllerError(.limitReached, "an import has at most \(ControllerLimits.importedFrames) frames")
        }
        guard let dataset = try await context.read({ try DatasetRecord.fetchOne($0, key: name) }) else {
            throw ControllerError.notFound("dataset", name)
        }
        for (index, frame) in frames.enumerated() { try Self.check(frame, at: index, of: dataset) }
        let vault = context.store.frames
        var added = 0
        for start in stride(from: 0, to: frames.count, by: Self.importBatch) {
            let batch = frames[start..<min(start + Self.importBatch, frames.count)]
            let now = context.now()
            added += try await context.write { database, _ in
                try Self.insert(database, vault, batch, into: name, at: now)
            }
        }
        let result = ImportResult(added: added, known: frames.count - added)
        try await context.perform(Command("datasets.import", by: caller, role: .operator, subject: name)) { _, scope in
            scope.detail = ["added": "\(result.added)", "known": "\(result.known)"]
            scope.changes = [ChangeEvent(.dataset, name)]
        }
        return result
    }

    /// Cuts an immutable version: the imported frames that the selector picks by device and tags and, if asked for,
    /// the annotated samples of the model's own classes that it picks.
    public func cut(
        _ name: String, selector: Selector = .all, includeAnnotations: Bool, note: String = "", by caller: Identity
    ) async throws -> DatasetVersionRecord {
        try await context.perform(Command("datasets.cut", by: caller, role: .operator, subject: name)) {
            database, scope in
            guard let dataset = try DatasetRecord.fetchOne(database, key: name) else {
                throw ControllerError.notFound("dataset", name)
            }
            let cut = try DatasetCut(database, dataset, selector: selector, includeAnnotations: includeAnnotations)
            guard !cut.items.isEmpty else {
                throw ControllerError(.invalid, "the selector '\(selector)' picks no frame of '\(name)'")
            }
            let number = try Int.fetchOne(
                database, sql: "SELECT coalesce(max(number), 0) + 1 FROM dataset_version WHERE dataset = ?",
                arguments: [name])
            let version = DatasetVersionRecord(
                dataset: name, number: number ?? 1, digest: cut.digest, selector: selector,
                includeAnnotations: includeAnnotations, itemCount: cut.items.count,
                annotationCount: cut.annotationCount, note: note, createdAt: scope.now, createdBy: caller.name)
            try version.insert(database)
            try cut.insertItems(database, number: version.number)
            scope.subject = "\(name):\(version.number)"
            scope.detail = ["items": "\(cut.items.count)", "digest": cut.digest.hex]
            scope.changes = [ChangeEvent(.dataset, name)]
            return version
        }
    }

    /// A version's items in order, from `start` on.
    public func items(_ name: String, version: Int, from start: Int = 0, limit: Int = .max) async throws
        -> [DatasetItem]
    {
        let vault = context.store.frames
        return try await context.read { database in
            guard
                try DatasetVersionRecord.filter(Column("dataset") == name && Column("number") == version)
                    .fetchCount(database) == 1
            else { throw ControllerError.notFound("dataset version", "\(name):\(version)") }
            return try DatasetCut.items(database, vault, name, version, from: start, limit: limit)
        }
    }

    private static func check(_ frame: ImportedFrame, at index: Int, of dataset: DatasetRecord) throws(ControllerError)
    {
        guard frame.values.count == dataset.input.valueCount else {
            throw ControllerError(
                .invalid, "frame \(index) has \(frame.values.count) values, not \(dataset.input.valueCount)")
        }
        guard dataset.classes.contains(frame.className) else {
            throw ControllerError(
                .invalid, "frame \(index): '\(frame.className.prefix(80))' is no class of '\(dataset.name)'")
        }
        guard frame.tags.count <= ControllerLimits.tags else {
            throw ControllerError(.limitReached, "frame \(index) has more than \(ControllerLimits.tags) tags")
        }
    }

    private static func insert(
        _ database: Database, _ vault: FrameVault, _ frames: ArraySlice<ImportedFrame>, into name: String,
        at now: Instant
    ) throws -> Int {
        var added = 0
        for frame in frames {
            let plain = FloatVector(frame.values).data
            let digest = SHA256.hash([UInt8]("\(frame.device)\u{0}\(frame.className)\u{0}".utf8) + [UInt8](plain))
            var record = DatasetFrameRecord(
                dataset: name, device: frame.device, className: frame.className, frame: try vault.stored(plain: plain),
                tags: frame.tags, digest: digest, createdAt: now)
            try record.insert(database, onConflict: .ignore)
            added += database.changesCount
        }
        return added
    }
}
