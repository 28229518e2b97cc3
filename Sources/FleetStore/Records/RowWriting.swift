import FleetModel
public import GRDB

// Writes that follow every message of a device, as statements that stay prepared: only the columns that their writer
// owns, so that two writers of a row never undo each other.

extension DeviceRecord {
    /// Writes what every message tells: when it came, and which desired document the device has seen.
    public func storeSeen(_ database: Database) throws {
        try database.run(
            "UPDATE device SET lastSeen = ?, observedGeneration = ? WHERE id = ?", [lastSeen, observedGeneration, id])
    }

    /// Writes the same, and what a device says of itself when it connects.
    public func storePresence(_ database: Database) throws {
        try database.run(
            """
            UPDATE device SET online = ?, boot = ?, session = ?, lastSeen = ?, hardware = ?, agentVersion = ?,
                runtimeVersion = ?, instructionSet = ?, capabilities = ?, observedGeneration = ? WHERE id = ?
            """,
            [
                online, boot, session, lastSeen, hardware, agentVersion, runtimeVersion, instructionSet,
                TextList.encode(capabilities), observedGeneration, id,
            ])
    }
}

extension DeviceSlotRecord {
    /// Writes what the device says of the slot; an existing row keeps what is desired of it.
    public func storeReported(_ database: Database) throws {
        try insert(
            database,
            orUpdate: """
                phase = excluded.phase, target = excluded.target, progress = excluded.progress,
                failure = excluded.failure, detail = excluded.detail, champion = excluded.champion,
                previous = excluded.previous, reportedAt = excluded.reportedAt
                """)
    }

    /// Writes what is desired of the slot; an existing row keeps what the device said.
    public func storeDesired(_ database: Database) throws {
        try insert(
            database,
            orUpdate: """
                desiredRelease = excluded.desiredRelease, activation = excluded.activation,
                deadline = excluded.deadline, rollout = excluded.rollout
                """)
    }

    private func insert(_ database: Database, orUpdate columns: String) throws {
        try database.run(
            """
            INSERT INTO device_slot (device, slot, desiredRelease, activation, deadline, rollout, phase, target,
                progress, failure, detail, champion, previous, reportedAt)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET \(columns)
            """,
            [
                device, slot, desiredRelease, activation, deadline, rollout, phase, target, progress, failure, detail,
                champion, previous, reportedAt,
            ])
    }
}

extension RolloutDeviceRecord {
    /// Writes where the device stands in the rollout.
    public func store(_ database: Database) throws {
        try database.run(
            """
            INSERT INTO rollout_device (rollout, device, wave, state, returnTo, offeredAt, endedAt, failure, detail)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET wave = excluded.wave, state = excluded.state, returnTo = excluded.returnTo,
                offeredAt = excluded.offeredAt, endedAt = excluded.endedAt, failure = excluded.failure,
                detail = excluded.detail
            """, [rollout, device, wave, state, returnTo, offeredAt, endedAt, failure, detail])
    }
}

extension StreamCursorRecord {
    /// Writes the cursor, making it if it is new.
    public func store(_ database: Database) throws {
        try database.run(
            """
            INSERT INTO stream_cursor (device, boot, stream, highest, holes, received, duplicates, updatedAt)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET highest = excluded.highest, holes = excluded.holes,
                received = excluded.received, duplicates = excluded.duplicates, updatedAt = excluded.updatedAt
            """, [device, boot, stream, highest, holes, received, duplicates, updatedAt])
    }
}

extension ReceiptRecord {
    /// Adds the receipt; one that is there stays as it is.
    public func store(_ database: Database) throws {
        try database.run(
            """
            INSERT INTO receipt (device, slot, release, committedAt, image, model, number, counter, goldenError,
                latency, instructionSet, runtimeVersion, message, receivedAt)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO NOTHING
            """,
            [
                device, slot, release, committedAt, image, model, number, counter, goldenError, latency,
                instructionSet, runtimeVersion, message, receivedAt,
            ])
    }
}

extension ReportRecord {
    /// Adds the report.
    public func store(_ database: Database) throws {
        try database.run(
            """
            INSERT INTO report (device, boot, sequence, slot, release, image, model, number, startedAt, endedAt,
                inferences, errors, uncertain, confidenceMean, samplesOffered, samplesChosen, samplesDropped,
                reportsDropped, payload, receivedAt)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                device, boot, sequence, slot, release, image, model, number, startedAt, endedAt, inferences, errors,
                uncertain, confidenceMean, samplesOffered, samplesChosen, samplesDropped, reportsDropped, payload,
                receivedAt,
            ])
    }
}
