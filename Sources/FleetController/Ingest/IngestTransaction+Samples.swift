import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB

/// Samples: whole ones and those that come in parts.
extension IngestTransaction {
    mutating func applySample(_ sample: SampleMessage, _ encoded: [UInt8], of device: DeviceRecord) throws {
        let boot = StreamCursors.Boot(device: device.id, text: sample.boot)
        guard try !cursors.holds(sample.sequence, of: .sample, boot) else {
            return try commit(sample.sequence, of: .sample, boot, isNew: false)
        }
        guard sample.partCount > 1 else { return try insert(sample, of: device, boot) }
        try SamplePartRecord(
            device: device.id, boot: sample.boot, sequence: Int64(sample.sequence), part: sample.part,
            partCount: sample.partCount, payload: try context.store.frames.stored(part: encoded), receivedAt: now
        ).insert(database, onConflict: .ignore)
        if let whole = try assemble(sample, device.id) {
            try insert(whole, of: device, boot)
            try parts(sample, device.id).deleteAll(database)
        } else {
            try forgetOldestParts(device.id)
        }
    }

    private func parts(_ sample: SampleMessage, _ device: DeviceID) -> QueryInterfaceRequest<SamplePartRecord> {
        SamplePartRecord.filter(
            Column("device") == device && Column("boot") == sample.boot && Column("sequence") == Int64(sample.sequence))
    }

    /// The whole sample once all of its parts are here.
    private func assemble(_ sample: SampleMessage, _ device: DeviceID) throws -> SampleMessage? {
        let records = try parts(sample, device).order(Column("part")).fetchAll(database)
        guard records.count == sample.partCount, records.allSatisfy({ $0.partCount == sample.partCount }),
            records.map(\.part) == Array(0..<sample.partCount)
        else { return nil }
        let messages = try records.map { try SampleMessage(decoding: context.store.frames.part($0.payload)) }
        guard var whole = messages.first else { return nil }
        whole.values = messages.flatMap(\.values)
        whole.partCount = 1
        return whole
    }

    /// Keeps the number of incomplete samples of a device bounded; a dropped one is sent again as a hole.
    private func forgetOldestParts(_ device: DeviceID) throws {
        try database.execute(
            sql: """
                DELETE FROM sample_part WHERE device = :device AND (boot, sequence) NOT IN (
                    SELECT boot, sequence FROM sample_part WHERE device = :device
                    GROUP BY boot, sequence ORDER BY max(receivedAt) DESC, sequence DESC LIMIT :limit)
                """, arguments: ["device": device, "limit": IngestLimits.openSamples])
    }

    private mutating func insert(
        _ sample: SampleMessage, of device: DeviceRecord, _ boot: StreamCursors.Boot
    ) throws {
        guard let part = try part(sample.release, sample.slot) else {
            outcome.refuse(device.id, "unknownRelease", "a sample of release \(sample.release.short), not known here")
            return
        }
        guard sample.values.count == part.input.valueCount, sample.scores.count == part.classes.count,
            sample.probability > 0, sample.probability <= 1, sample.scores.allSatisfy(\.isFinite)
        else {
            outcome.refuse(device.id, "wrongShape", "a sample that does not fit the release's frame and classes")
            return
        }
        let tags = try DeviceQueries.tags(database, of: device.id)
        var record = try SampleRecord(
            sample, of: device, tags: tags, part: part, receivedAt: now, vault: context.store.frames)
        try record.insert(database, onConflict: .ignore)
        let isNew = database.changesCount > 0
        try commit(sample.sequence, of: .sample, boot, isNew: isNew)
        if isNew { changes.append(ChangeEvent(.sample, record.id ?? 0)) }
    }
}

extension SampleRecord {
    /// The row of a whole sample that fits the release's part.
    init(
        _ sample: SampleMessage, of device: DeviceRecord, tags: [String: String], part: ReleasePart,
        receivedAt: Instant, vault: FrameVault
    ) throws {
        let ranked = sample.scores.indices.sorted { sample.scores[$0] > sample.scores[$1] }
        let top = ranked.first ?? 0
        let first = ranked.first.map { sample.scores[$0] } ?? 0
        let second = ranked.dropFirst().first.map { sample.scores[$0] } ?? 0
        let plain = FloatVector(sample.values).data
        self.init(
            device: device.id, boot: sample.boot, sequence: Int64(sample.sequence), slot: sample.slot,
            release: sample.release, model: part.version.model, number: part.version.number,
            capturedAt: sample.captured, receivedAt: receivedAt, tag: sample.tag,
            probability: Double(sample.probability), kind: part.input.kind, frame: try vault.stored(plain: plain),
            frameDigest: SHA256.hash(plain), scores: FloatVector(sample.scores),
            predictedClass: part.classes.indices.contains(top) ? part.classes[top] : "", confidence: Double(first),
            margin: Double(first - second), station: device.station, tags: tags)
    }
}
