public import GRDB

// Rows that are read with every message of a device, column by column: decoding them through `Codable` costs several
// times what SQLite needs to find them.

extension DeviceRecord {
    /// Reads a row that has all columns.
    public init(row: Row) throws {
        try self.init(
            id: row.decode(forColumn: "id"), station: row.decode(forColumn: "station"),
            hardware: row.decode(forColumn: "hardware"), signingKey: row.decode(forColumn: "signingKey"),
            certificateSerial: row.decode(forColumn: "certificateSerial"),
            createdAt: row.decode(forColumn: "createdAt"), revokedAt: row.decode(forColumn: "revokedAt"),
            online: row.decode(forColumn: "online"), boot: row.decode(forColumn: "boot"),
            session: row.decode(forColumn: "session"), lastSeen: row.decode(forColumn: "lastSeen"),
            agentVersion: row.decode(forColumn: "agentVersion"),
            runtimeVersion: row.decode(forColumn: "runtimeVersion"),
            instructionSet: row.decode(forColumn: "instructionSet"), capabilities: row.list("capabilities"),
            generation: row.decode(forColumn: "generation"),
            observedGeneration: row.decode(forColumn: "observedGeneration"), desired: row.decode(forColumn: "desired"),
            publishedGeneration: row.decode(forColumn: "publishedGeneration"))
    }
}

extension DeviceSlotRecord {
    /// Reads a row that has all columns.
    public init(row: Row) throws {
        try self.init(
            device: row.decode(forColumn: "device"), slot: row.decode(forColumn: "slot"),
            desiredRelease: row.decode(forColumn: "desiredRelease"), activation: row.decode(forColumn: "activation"),
            deadline: row.decode(forColumn: "deadline"), rollout: row.decode(forColumn: "rollout"),
            phase: row.decode(forColumn: "phase"), target: row.decode(forColumn: "target"),
            progress: row.decode(forColumn: "progress"), failure: row.decode(forColumn: "failure"),
            detail: row.decode(forColumn: "detail"), champion: row.decode(forColumn: "champion"),
            previous: row.decode(forColumn: "previous"), reportedAt: row.decode(forColumn: "reportedAt"))
    }
}

extension RolloutRecord {
    /// Reads a row that has all columns.
    public init(row: Row) throws {
        try self.init(
            id: row.decode(forColumn: "id"), release: row.decode(forColumn: "release"),
            selector: row.decode(forColumn: "selector"), activation: row.decode(forColumn: "activation"),
            state: row.decode(forColumn: "state"), pauseReason: row.decode(forColumn: "pauseReason"),
            wave: row.decode(forColumn: "wave"), trainingRun: row.decode(forColumn: "trainingRun"),
            createdAt: row.decode(forColumn: "createdAt"), createdBy: row.decode(forColumn: "createdBy"),
            startedAt: row.decode(forColumn: "startedAt"), endedAt: row.decode(forColumn: "endedAt"))
    }
}

extension RolloutWaveRecord {
    /// Reads a row that has all columns.
    public init(row: Row) throws {
        try self.init(
            rollout: row.decode(forColumn: "rollout"), ordinal: row.decode(forColumn: "ordinal"),
            name: row.decode(forColumn: "name"), cumulativeShare: row.decode(forColumn: "cumulativeShare"),
            selector: row.decode(forColumn: "selector"), minimumReceipts: row.decode(forColumn: "minimumReceipts"),
            maximumFailures: row.decode(forColumn: "maximumFailures"), soak: row.decode(forColumn: "soak"),
            deadline: row.decode(forColumn: "deadline"), startedAt: row.decode(forColumn: "startedAt"),
            lastReceiptAt: row.decode(forColumn: "lastReceiptAt"), endedAt: row.decode(forColumn: "endedAt"))
    }
}

extension RolloutDeviceRecord {
    /// Reads a row that has all columns.
    public init(row: Row) throws {
        try self.init(
            rollout: row.decode(forColumn: "rollout"), device: row.decode(forColumn: "device"),
            wave: row.decode(forColumn: "wave"), state: row.decode(forColumn: "state"),
            returnTo: row.decode(forColumn: "returnTo"), offeredAt: row.decode(forColumn: "offeredAt"),
            endedAt: row.decode(forColumn: "endedAt"), failure: row.decode(forColumn: "failure"),
            detail: row.decode(forColumn: "detail"))
    }
}

extension StreamCursorRecord {
    /// Reads a row that has all columns.
    public init(row: Row) throws {
        try self.init(
            device: row.decode(forColumn: "device"), boot: row.decode(forColumn: "boot"),
            stream: row.decode(forColumn: "stream"), highest: row.decode(forColumn: "highest"),
            holes: row.decode(forColumn: "holes"), received: row.decode(forColumn: "received"),
            duplicates: row.decode(forColumn: "duplicates"), updatedAt: row.decode(forColumn: "updatedAt"))
    }
}

extension ReleaseRecord {
    /// Reads a row that has all columns.
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

extension Row {
    /// A list of texts, stored as JSON.
    func list(_ column: String) throws -> [String] {
        try TextList.decode(decode(forColumn: column))
    }
}
