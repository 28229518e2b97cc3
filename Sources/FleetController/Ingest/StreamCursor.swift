import FleetModel
import FleetStore
import FleetWire
import GRDB

/// Moves a stream's cursor and says what may be acknowledged.
enum StreamCursor {
    /// Marks a sequence as committed in the caller's transaction.
    static func advance(
        _ database: Database, device: DeviceID, boot: String, stream: StreamKind, sequence: UInt64, isNew: Bool,
        at now: Instant
    ) throws {
        var cursor =
            try find(database, device, boot, stream)
            ?? StreamCursorRecord(
                device: device, boot: boot, stream: stream.rawValue, highest: 0, holes: SequenceHoles(), updatedAt: now)
        if isNew {
            cursor.received += 1
            move(&cursor, to: sequence)
        } else {
            cursor.duplicates += 1
        }
        cursor.updatedAt = now
        try cursor.store(database)
    }

    /// Whether a sequence was committed before. The cursor knows it even when the row was removed by its age.
    static func holds(
        _ database: Database, device: DeviceID, boot: String, stream: StreamKind, sequence: UInt64
    ) throws -> Bool {
        guard let cursor = try find(database, device, boot, stream) else { return false }
        return sequence <= UInt64(cursor.highest) && !cursor.holes.contains(sequence)
    }

    /// The pure part of `advance`.
    static func move(_ cursor: inout StreamCursorRecord, to sequence: UInt64) {
        let highest = UInt64(cursor.highest)
        if sequence > highest {
            cursor.holes.append(highest + 1..<sequence)
            cursor.highest = Int64(sequence)
        } else {
            cursor.holes.fill(sequence)
        }
        cursor.holes.forgetOldest(keeping: IngestLimits.holes)
    }

    static func find(
        _ database: Database, _ device: DeviceID, _ boot: String, _ stream: StreamKind
    ) throws -> StreamCursorRecord? {
        try StreamCursorRecord.first(
            database, where: "device = ? AND boot = ? AND stream = ?", [device, boot, stream.rawValue])
    }

    /// What is committed of a device's boot, all streams.
    static func ack(_ database: Database, device: DeviceID, boot: String) throws -> Ack {
        let streams = try StreamKind.allCases.compactMap { stream in
            try find(database, device, boot, stream).map { cursor in
                StreamAck(stream: stream, highest: UInt64(cursor.highest), holes: cursor.holes.ranges)
            }
        }
        return Ack(boot: boot, streams: streams)
    }
}
