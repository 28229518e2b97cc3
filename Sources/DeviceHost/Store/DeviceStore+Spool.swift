import DeviceCore
import FleetCrypto
import FleetModel
import FleetWire

/// What seals the samples that wait on the disk: whoever takes the disk without the identity cannot see a frame.
struct SampleSeal {
    /// Made of the device's signing key, which lies elsewhere or is gone with the identity.
    let key: SealingKey
    /// Whether new samples are sealed; those that are there already open in any case.
    let sealsNew: Bool
}

/// Messages that wait for the controller's acknowledgement.
extension DeviceStore {
    // MARK: Spool

    /// Adds a message in one or several parts.
    ///
    /// - Parameter maybeSent: it will be sent as soon as it is durable.
    func spool(_ key: SpoolKey, parts: [[UInt8]], maybeSent: Bool) throws(DeviceError) {
        for (index, part) in parts.enumerated() {
            let (bytes, isSealed) = try stored(part, of: key.stream)
            try database.write(
                "INSERT INTO spool (stream, boot, sequence, part, message, sent, sealed) VALUES (?, ?, ?, ?, ?, ?, ?)",
                key.values + [
                    .integer(Int64(index)), .blob(bytes), .integer(maybeSent ? 1 : 0), .integer(isSealed ? 1 : 0),
                ])
        }
    }

    /// A message as it lies on the disk.
    private func stored(_ part: [UInt8], of stream: StreamKind) throws(DeviceError) -> (bytes: [UInt8], isSealed: Bool)
    {
        guard stream == .sample, let sampleSeal, sampleSeal.sealsNew else { return (part, false) }
        do throws(CryptoError) { return (try sampleSeal.key.seal(part), true) } catch {
            throw DeviceError(.cryptoFailed, error.context)
        }
    }

    /// A message as it was given; nil if it was sealed under another identity.
    private func message(_ bytes: [UInt8], isSealed: Bool) -> [UInt8]? {
        isSealed ? try? sampleSeal?.key.open(bytes) : bytes
    }

    private func isForeign(_ bytes: [UInt8]) -> Bool {
        guard let sampleSeal else { return false }
        do throws(CryptoError) { _ = try sampleSeal.key.open(bytes) } catch { return error.code == .notGenuine }
        return false
    }

    /// Gives up the sealed samples that this identity cannot open: they could never be sent.
    ///
    /// - Returns: how many there were.
    func giveUpForeignSamples() throws(DeviceError) -> Int {
        let rows = try database.read("SELECT id FROM spool WHERE sealed = 1") { $0.integer(0) }
        var foreign: Set<SpoolKey> = []
        for id in rows {
            let row = try database.read(
                "SELECT stream, boot, sequence, message FROM spool WHERE id = ?", [.integer(id)]
            ) { ($0.text(0), $0.text(1), $0.integer(2), $0.blob(3)) }.first
            guard let (stream, boot, sequence, bytes) = row, isForeign(bytes), let stream = StreamKind(rawValue: stream)
            else { continue }
            foreign.insert(SpoolKey(stream: stream, boot: boot, sequence: UInt64(sequence)))
        }
        guard !foreign.isEmpty else { return 0 }
        try delete(spooled: Array(foreign))
        try commit()
        return foreign.count
    }

    /// From now on every message may have been sent. Durable with the next commit.
    func markSpoolAsSent() throws(DeviceError) { try database.write("UPDATE spool SET sent = 1 WHERE sent = 0") }

    /// The oldest messages that were certainly never sent: their first parts.
    func unsent(_ stream: StreamKind, limit: Int) throws(DeviceError) -> [(key: SpoolKey, message: [UInt8])] {
        let rows = try database.read(
            """
            SELECT boot, sequence, message, sealed FROM spool WHERE stream = ? AND sent = 0 AND part = 0
            ORDER BY id LIMIT ?
            """, [.text(stream.rawValue), .integer(Int64(limit))]
        ) { ($0.text(0), $0.integer(1), $0.blob(2), $0.integer(3) == 1) }
        return rows.compactMap { boot, sequence, bytes, isSealed in
            message(bytes, isSealed: isSealed).map {
                (SpoolKey(stream: stream, boot: boot, sequence: UInt64(sequence)), $0)
            }
        }
    }

    /// Puts another message in the place of an unsent one.
    func replace(_ key: SpoolKey, parts: [[UInt8]]) throws(DeviceError) {
        for (index, part) in parts.enumerated() {
            let (bytes, isSealed) = try stored(part, of: key.stream)
            try database.write(
                "UPDATE spool SET message = ?, sealed = ? WHERE stream = ? AND boot = ? AND sequence = ? AND part = ?",
                [.blob(bytes), .integer(isSealed ? 1 : 0)] + key.values + [.integer(Int64(index))])
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
        let rows = try database.read(
            "SELECT message, sealed FROM spool WHERE stream = ? AND boot = ? AND sequence = ? ORDER BY part", key.values
        ) { ($0.blob(0), $0.integer(1) == 1) }
        return rows.compactMap { message($0, isSealed: $1) }
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
