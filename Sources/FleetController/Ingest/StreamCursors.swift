import FleetModel
import FleetStore
import FleetWire
import GRDB

/// How far the streams of a batch's devices are committed: read once for each boot, written once for each stream.
struct StreamCursors {
    /// One boot of a device.
    struct Boot: Hashable, Comparable {
        var device: DeviceID
        var text: String

        static func < (a: Self, b: Self) -> Bool { (a.device, a.text) < (b.device, b.text) }
    }

    private struct Streams {
        var cursors: [StreamKind: StreamCursorRecord] = [:]
        /// Those that are to be written.
        var touched: Set<StreamKind> = []
    }

    private let database: Database
    private var boots: [Boot: Streams] = [:]

    init(_ database: Database) { self.database = database }

    /// Whether a sequence was committed before. The cursor knows it even when the row was removed by its age.
    mutating func holds(_ sequence: UInt64, of stream: StreamKind, _ boot: Boot) throws -> Bool {
        try streams(of: boot).cursors[stream]?.holds(sequence) ?? false
    }

    /// Marks a sequence as committed in the caller's transaction.
    mutating func advance(
        to sequence: UInt64, of stream: StreamKind, _ boot: Boot, isNew: Bool, at now: Instant
    ) throws {
        var streams = try streams(of: boot)
        var cursor =
            streams.cursors[stream]
            ?? StreamCursorRecord(
                device: boot.device, boot: boot.text, stream: stream.rawValue, highest: 0, holes: SequenceHoles(),
                updatedAt: now)
        if isNew {
            cursor.received += 1
            cursor.move(to: sequence)
        } else {
            cursor.duplicates += 1
        }
        cursor.updatedAt = now
        streams.cursors[stream] = cursor
        streams.touched.insert(stream)
        boots[boot] = streams
    }

    /// Writes every cursor that moved, in an order that makes equal databases of equal batches.
    func store() throws {
        for (_, streams) in boots.sorted(by: { $0.key < $1.key }) {
            for stream in StreamKind.allCases where streams.touched.contains(stream) {
                try streams.cursors[stream]?.store(database)
            }
        }
    }

    /// What is committed of each boot that sent something, all streams of it.
    var acks: [(device: DeviceID, ack: Ack)] {
        boots.filter { !$0.value.touched.isEmpty }.sorted { $0.key < $1.key }.map { boot, streams in
            let streams = StreamKind.allCases.compactMap { stream in
                streams.cursors[stream].map {
                    StreamAck(stream: stream, highest: UInt64($0.highest), holes: $0.holes.ranges)
                }
            }
            return (boot.device, Ack(boot: boot.text, streams: streams))
        }
    }

    private mutating func streams(of boot: Boot) throws -> Streams {
        if let known = boots[boot] { return known }
        var streams = Streams()
        let stored = try StreamCursorRecord.all(database, where: "device = ? AND boot = ?", [boot.device, boot.text])
        for cursor in stored {
            if let stream = StreamKind(rawValue: cursor.stream) { streams.cursors[stream] = cursor }
        }
        boots[boot] = streams
        return streams
    }
}

extension StreamCursorRecord {
    func holds(_ sequence: UInt64) -> Bool { sequence <= UInt64(highest) && !holes.contains(sequence) }

    mutating func move(to sequence: UInt64) {
        let highest = UInt64(highest)
        if sequence > highest {
            holes.append(highest + 1..<sequence)
            self.highest = Int64(sequence)
        } else {
            holes.fill(sequence)
        }
        holes.forgetOldest(keeping: IngestLimits.holes)
    }
}
