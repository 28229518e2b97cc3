import DeviceCore
import FleetModel
import FleetWire

/// Messages that wait for the controller's acknowledgement.
extension DeviceStore {
    // MARK: Spool

    /// Adds a message in one or several parts.
    ///
    /// - Parameter maybeSent: it will be sent as soon as it is durable.
    func spool(_ key: SpoolKey, parts: [[UInt8]], maybeSent: Bool) throws(DeviceError) {
        for (index, part) in parts.enumerated() {
            try database.write(
                "INSERT INTO spool (stream, boot, sequence, part, message, sent) VALUES (?, ?, ?, ?, ?, ?)",
                key.values + [.integer(Int64(index)), .blob(part), .integer(maybeSent ? 1 : 0)])
        }
    }

    /// From now on every message may have been sent. Durable with the next commit.
    func markSpoolAsSent() throws(DeviceError) { try database.write("UPDATE spool SET sent = 1 WHERE sent = 0") }

    /// The oldest messages that were certainly never sent: their first parts.
    func unsent(_ stream: StreamKind, limit: Int) throws(DeviceError) -> [(key: SpoolKey, message: [UInt8])] {
        let rows = try database.read(
            "SELECT boot, sequence, message FROM spool WHERE stream = ? AND sent = 0 AND part = 0 ORDER BY id LIMIT ?",
            [.text(stream.rawValue), .integer(Int64(limit))]
        ) { ($0.text(0), $0.integer(1), $0.blob(2)) }
        return rows.map { boot, sequence, message in
            (SpoolKey(stream: stream, boot: boot, sequence: UInt64(sequence)), message)
        }
    }

    /// Puts another message in the place of an unsent one.
    func replace(_ key: SpoolKey, parts: [[UInt8]]) throws(DeviceError) {
        for (index, part) in parts.enumerated() {
            try database.write(
                "UPDATE spool SET message = ? WHERE stream = ? AND boot = ? AND sequence = ? AND part = ?",
                [.blob(part)] + key.values + [.integer(Int64(index))])
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
