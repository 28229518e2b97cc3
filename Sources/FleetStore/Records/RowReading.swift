public import GRDB

// Rows that are read with every message of a device, column by column: decoding them through `Codable` costs several
// times what SQLite needs to find them, and looking columns up by name still costs as much as SQLite does.

extension DeviceRecord {
    /// Reads a row that begins with all columns, in the table's order.
    public init(row: Row) throws {
        var columns = ColumnReader(row)
        try self.init(
            id: columns.next(), station: columns.next(), hardware: columns.next(), signingKey: columns.next(),
            certificateSerial: columns.next(), createdAt: columns.next(), revokedAt: columns.next(),
            online: columns.next(), boot: columns.next(), session: columns.next(), lastSeen: columns.next(),
            agentVersion: columns.next(), runtimeVersion: columns.next(), instructionSet: columns.next(),
            capabilities: columns.list(), generation: columns.next(), observedGeneration: columns.next(),
            desired: columns.next(), publishedGeneration: columns.next())
    }
}

extension DeviceSlotRecord {
    /// Reads a row that begins with all columns, in the table's order.
    public init(row: Row) throws {
        var columns = ColumnReader(row)
        try self.init(
            device: columns.next(), slot: columns.next(), desiredRelease: columns.next(),
            activation: columns.next(), deadline: columns.next(), rollout: columns.next(), phase: columns.next(),
            target: columns.next(), progress: columns.next(), failure: columns.next(), detail: columns.next(),
            champion: columns.next(), previous: columns.next(), reportedAt: columns.next())
    }
}

extension RolloutRecord {
    /// Reads a row that begins with all columns, in the table's order.
    public init(row: Row) throws {
        var columns = ColumnReader(row)
        try self.init(
            id: columns.next(), release: columns.next(), selector: columns.next(), activation: columns.next(),
            state: columns.next(), pauseReason: columns.next(), wave: columns.next(), trainingRun: columns.next(),
            createdAt: columns.next(), createdBy: columns.next(), startedAt: columns.next(),
            endedAt: columns.next())
    }
}

extension RolloutWaveRecord {
    /// Reads a row that begins with all columns, in the table's order.
    public init(row: Row) throws {
        var columns = ColumnReader(row)
        try self.init(
            rollout: columns.next(), ordinal: columns.next(), name: columns.next(),
            cumulativeShare: columns.next(), selector: columns.next(), minimumReceipts: columns.next(),
            maximumFailures: columns.next(), soak: columns.next(), deadline: columns.next(),
            startedAt: columns.next(), lastReceiptAt: columns.next(), endedAt: columns.next())
    }
}

extension RolloutDeviceRecord {
    /// Reads a row that begins with all columns, in the table's order.
    public init(row: Row) throws {
        var columns = ColumnReader(row)
        try self.init(
            rollout: columns.next(), device: columns.next(), wave: columns.next(), state: columns.next(),
            returnTo: columns.next(), offeredAt: columns.next(), endedAt: columns.next(), failure: columns.next(),
            detail: columns.next())
    }
}

extension StreamCursorRecord {
    /// Reads a row that begins with all columns, in the table's order.
    public init(row: Row) throws {
        var columns = ColumnReader(row)
        try self.init(
            device: columns.next(), boot: columns.next(), stream: columns.next(), highest: columns.next(),
            holes: columns.next(), received: columns.next(), duplicates: columns.next(), updatedAt: columns.next())
    }
}

extension ReleaseRecord {
    /// Reads a row that has all columns, by their names: one was added to the table behind those that it belongs to.
    public init(row: Row) throws {
        try self.init(
            name: row.decode(forColumn: "name"), counter: row.decode(forColumn: "counter"),
            stage: row.decode(forColumn: "stage"), manifest: row.decode(forColumn: "manifest"),
            digest: row.decode(forColumn: "digest"), signed: row.decode(forColumn: "signed"),
            automationKey: row.decode(forColumn: "automationKey"),
            note: row.decode(forColumn: "note"), createdAt: row.decode(forColumn: "createdAt"),
            createdBy: row.decode(forColumn: "createdBy"), expiresAt: row.decode(forColumn: "expiresAt"),
            approvedAt: row.decode(forColumn: "approvedAt"), retiredAt: row.decode(forColumn: "retiredAt"))
    }
}

/// Reads the columns of a row one after the other.
private struct ColumnReader {
    private let row: Row
    private var index = 0

    init(_ row: Row) { self.row = row }

    mutating func next<Value: DatabaseValueConvertible & StatementColumnConvertible>() throws -> Value {
        defer { index += 1 }
        return try row.decode(atIndex: index)
    }

    /// A list of texts, stored as JSON.
    mutating func list() throws -> [String] { try TextList.decode(next()) }
}
