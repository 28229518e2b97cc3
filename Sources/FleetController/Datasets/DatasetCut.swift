import FleetCrypto
import FleetModel
import FleetStore
import Foundation
import GRDB

/// A cut through a dataset: which items, in which order, and the digest that names them.
struct DatasetCut {
    private(set) var items: [DatasetItemRecord] = []
    private(set) var annotationCount = 0
    private(set) var digest: Digest

    /// Imported frames come first, by id; then annotated samples, by id.
    init(_ database: Database, _ dataset: DatasetRecord, selector: Selector, includeAnnotations: Bool) throws {
        var hash = SHA256()
        var items: [DatasetItemRecord] = []
        let frames = try DatasetFrameRecord.filter(Column("dataset") == dataset.name).order(Column("id"))
            .fetchCursor(database)
        while let frame = try frames.next() {
            guard selector.matches(frame.device, tags: frame.tags) else { continue }
            try Self.requireRoom(items)
            hash.update(frame.digest.bytes)
            items.append(
                DatasetItemRecord(
                    dataset: dataset.name, number: 0, ordinal: items.count, frame: frame.id, className: frame.className,
                    device: frame.device))
        }
        let imported = items.count
        if includeAnnotations {
            let samples = try SampleRecord.filter(Column("verdict") == AnnotationVerdict.class).order(Column("id"))
                .fetchCursor(database)
            while let sample = try samples.next() {
                guard let name = sample.verdictClass, dataset.classes.contains(name),
                    sample.frame.count == dataset.input.valueCount,
                    selector.matches(sample.device, tags: sample.tags)
                else { continue }
                try Self.requireRoom(items)
                hash.update([UInt8]("\(sample.device)\u{0}\(name)\u{0}".utf8))
                hash.update(sample.frameDigest.bytes)
                items.append(
                    DatasetItemRecord(
                        dataset: dataset.name, number: 0, ordinal: items.count, sample: sample.id, className: name,
                        device: sample.device))
            }
        }
        self.items = items
        annotationCount = items.count - imported
        digest = hash.finish()
    }

    private static func requireRoom(_ items: [DatasetItemRecord]) throws(ControllerError) {
        guard items.count < ControllerLimits.datasetItems else {
            throw ControllerError(
                .limitReached, "a dataset version has at most \(ControllerLimits.datasetItems) items",
                hint: "narrow the selector")
        }
    }

    func insertItems(_ database: Database, number: Int) throws {
        for var item in items {
            item.number = number
            try item.insert(database)
        }
    }

    static func items(
        _ database: Database, _ vault: FrameVault, _ name: String, _ version: Int, from start: Int, limit: Int
    ) throws -> [DatasetItem] {
        let rows = try Row.fetchCursor(
            database,
            sql: """
                SELECT item.ordinal, item.device, item.className, item.sample,
                       coalesce(frame.frame, sample.frame) AS frame, coalesce(frame.tags, sample.tags) AS tags,
                       sample.probability
                FROM dataset_item AS item
                LEFT JOIN dataset_frame AS frame ON frame.id = item.frame
                LEFT JOIN sample ON sample.id = item.sample
                WHERE item.dataset = ? AND item.number = ? AND item.ordinal >= ?
                ORDER BY item.ordinal LIMIT ?
                """, arguments: [name, version, start, limit])
        var items: [DatasetItem] = []
        let decoder = JSONDecoder()
        while let row = try rows.next() {
            let tags: String = row["tags"]
            let frame: StoredFrame = row["frame"]
            items.append(
                DatasetItem(
                    ordinal: row["ordinal"], device: row["device"],
                    tags: try decoder.decode([String: String].self, from: Data(tags.utf8)),
                    className: row["className"], values: try vault.values(frame), probability: row["probability"],
                    sample: row["sample"]))
        }
        return items
    }
}
