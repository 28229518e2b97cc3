import DeviceCore
import FleetModel
import FleetWire

/// Pulls that are under way, and messages that wait for the controller's acknowledgement.
extension DeviceStore {
    // MARK: Pulls

    /// The map and the bitmap of a pull; nil if there is none, or none that can be read.
    func pull(_ blob: Digest) throws(DeviceError) -> (map: [UInt8], bitmap: [UInt8])? {
        try database.read("SELECT map, bitmap FROM pull WHERE blob = ?", [.blob(blob.bytes)]) {
            (map: $0.blob(0), bitmap: $0.blob(1))
        }.first
    }

    func put(pull blob: Digest, map: [UInt8], bitmap: ChunkBitmap) throws(DeviceError) {
        try database.write(
            "INSERT OR REPLACE INTO pull VALUES (?, ?, ?)", [.blob(blob.bytes), .blob(map), .blob(bitmap.bytes)])
    }

    func delete(pull blob: Digest) throws(DeviceError) {
        try database.write("DELETE FROM pull WHERE blob = ?", [.blob(blob.bytes)])
    }

    /// Blobs of which something was pulled.
    func pulls() throws(DeviceError) -> [Digest] {
        try database.read("SELECT blob FROM pull") { Digest($0.blob(0)) }.compactMap { $0 }
    }

    // MARK: Spool

    /// Adds a message in one or several parts.
    func spool(_ key: SpoolKey, parts: [[UInt8]]) throws(DeviceError) {
        for (index, part) in parts.enumerated() {
            try database.write(
                "INSERT INTO spool (stream, boot, sequence, part, message) VALUES (?, ?, ?, ?, ?)",
                key.values + [.integer(Int64(index)), .blob(part)])
        }
    }

    /// What waits, oldest first.
    func spooled() throws(DeviceError) -> [(key: SpoolKey, bytes: Int)] {
        let rows = try database.read(
            """
            SELECT stream, boot, sequence, SUM(LENGTH(message)) FROM spool
            GROUP BY stream, boot, sequence ORDER BY MIN(id)
            """
        ) { ($0.text(0), $0.text(1), $0.integer(2), $0.integer(3)) }
        return rows.compactMap { stream, boot, sequence, bytes in
            guard let stream = StreamKind(rawValue: stream) else { return nil }
            return (SpoolKey(stream: stream, boot: boot, sequence: UInt64(sequence)), Int(bytes))
        }
    }

    /// The parts of a message, in order.
    func spooled(_ key: SpoolKey) throws(DeviceError) -> [[UInt8]] {
        try database.read(
            "SELECT message FROM spool WHERE stream = ? AND boot = ? AND sequence = ? ORDER BY part", key.values
        ) { $0.blob(0) }
    }

    func delete(spooled keys: [SpoolKey]) throws(DeviceError) {
        for key in keys {
            try database.write("DELETE FROM spool WHERE stream = ? AND boot = ? AND sequence = ?", key.values)
        }
    }
}

extension SpoolKey {
    fileprivate var values: [SQLValue] {
        [.text(stream.rawValue), .text(boot), .integer(Int64(clamping: sequence))]
    }
}
