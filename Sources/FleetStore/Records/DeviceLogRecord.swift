public import FleetModel
public import FleetWire
public import GRDB

/// One line of a device's log.
public struct DeviceLogRecord: Codable, Hashable, Sendable, FetchableRecord, MutablePersistableRecord, Identifiable {
    public static let databaseTableName = "device_log"

    public var id: Int64?
    public var device: DeviceID
    public var boot: String
    public var sequence: Int64
    /// Place in its message, from 0.
    public var line: Int
    /// When the device said it first, by its own clock.
    public var at: Instant
    public var severity: LogSeverity
    /// How often it said so.
    public var count: Int64
    public var text: String
    /// Lines that the device gave up before this one.
    public var dropped: Int64
    public var receivedAt: Instant

    public init(
        id: Int64? = nil, device: DeviceID, boot: String, sequence: Int64, line: Int, at: Instant,
        severity: LogSeverity, count: Int64, text: String, dropped: Int64, receivedAt: Instant
    ) {
        self.id = id
        self.device = device
        self.boot = boot
        self.sequence = sequence
        self.line = line
        self.at = at
        self.severity = severity
        self.count = count
        self.text = text
        self.dropped = dropped
        self.receivedAt = receivedAt
    }

    public mutating func didInsert(_ inserted: InsertionSuccess) { id = inserted.rowID }
}

extension LogSeverity: Codable, DatabaseValueConvertible {}

extension DeviceLog {
    /// Lines of a device that are kept; past it the oldest go. A device that says much must not fill the disk of all.
    public static let linesKept = 2000

    /// Adds the lines, and removes the oldest of the device beyond those that are kept.
    public func store(_ database: Database, of device: DeviceID, at now: Instant) throws {
        for (index, line) in lines.enumerated() {
            try database.run(
                """
                INSERT OR IGNORE INTO device_log
                    (device, boot, sequence, line, at, severity, count, text, dropped, receivedAt)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    device, boot, Int64(sequence), index, line.time, line.severity, Int64(line.count), line.text,
                    index == 0 ? Int64(dropped) : 0, now,
                ])
        }
        try database.run(
            """
            DELETE FROM device_log WHERE device = ?1 AND id <= (
                SELECT id FROM device_log WHERE device = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
            """, [device, Self.linesKept])
    }
}
