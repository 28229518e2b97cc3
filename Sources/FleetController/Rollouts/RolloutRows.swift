import FleetCrypto
import FleetModel
import FleetStore
import GRDB
import RolloutCore

/// A rollout's rows as the state machine that they persist, and back.
enum RolloutRows {
    /// States in which devices' news or time can still change something.
    static let openStates: [RolloutState] = [.running, .paused, .aborting, .rollingBack, .completed]

    static func record(_ database: Database, _ id: Int64) throws -> RolloutRecord {
        guard let record = try RolloutRecord.first(database, where: "id = ?", [id]) else {
            throw ControllerError.notFound("rollout", id)
        }
        return record
    }

    /// Rollouts that time can move on: those under way, and completed ones that a newcomer was offered.
    static func waiting(_ database: Database) throws -> [RolloutRecord] {
        try RolloutRecord.all(
            database,
            where: """
                state IN ('running', 'paused', 'aborting', 'rollingBack')
                   OR (state = 'completed' AND EXISTS (
                       SELECT 1 FROM rollout_device WHERE rollout = rollout.id AND state = 'offered'))
                """)
    }

    static func machine(_ database: Database, _ record: RolloutRecord) throws -> RolloutMachine {
        let id = record.id ?? 0
        let waves = try RolloutWaveRecord.all(database, where: "rollout = ? ORDER BY ordinal", [id])
        let devices = try RolloutDeviceRecord.all(database, where: "rollout = ?", [id])
        let release = try ReleaseRows.record(database, record.release)
        let plan = RolloutPlan(
            // Before the approval there is no digest yet, and nothing is offered.
            release: release.digest ?? SHA256.hash([UInt8](release.manifest)), selector: record.selector,
            waves: waves.map(Wave.init), activation: record.activation)
        let snapshot = RolloutSnapshot(
            state: record.state, reason: record.pauseReason ?? "", wave: record.wave, startedAt: record.startedAt,
            endedAt: record.endedAt,
            waves: waves.map {
                WaveProgress(startedAt: $0.startedAt, lastReceiptAt: $0.lastReceiptAt, endedAt: $0.endedAt)
            },
            devices: Dictionary(uniqueKeysWithValues: devices.map { ($0.device, DeviceProgress($0)) }))
        return RolloutMachine(id: "\(id)", plan: plan, snapshot: snapshot)
    }

    /// Writes what differs between two snapshots.
    static func save(
        _ database: Database, _ record: inout RolloutRecord, from before: RolloutSnapshot, to after: RolloutSnapshot
    ) throws {
        guard before != after else { return }
        let id = record.id ?? 0
        record.state = after.state
        record.pauseReason = after.reason.isEmpty ? nil : after.reason
        record.wave = after.wave
        record.startedAt = after.startedAt
        record.endedAt = after.endedAt
        try database.run(
            "UPDATE rollout SET state = ?, pauseReason = ?, wave = ?, startedAt = ?, endedAt = ? WHERE id = ?",
            [record.state, record.pauseReason, record.wave, record.startedAt, record.endedAt, id])
        for (ordinal, wave) in after.waves.enumerated() where before.waves[ordinal] != wave {
            try database.run(
                """
                UPDATE rollout_wave SET startedAt = ?, lastReceiptAt = ?, endedAt = ?
                WHERE rollout = ? AND ordinal = ?
                """, [wave.startedAt, wave.lastReceiptAt, wave.endedAt, id, ordinal])
        }
        for device in before.devices.keys where after.devices[device] == nil {
            try database.execute(
                sql: "DELETE FROM rollout_device WHERE rollout = ? AND device = ?", arguments: [id, device])
        }
        for (device, progress) in after.devices where before.devices[device] != progress {
            try RolloutDeviceRecord(rollout: id, device: device, progress).store(database)
        }
    }
}

extension Wave {
    init(_ record: RolloutWaveRecord) {
        self.init(
            name: record.name, cumulativeShare: record.cumulativeShare, selector: record.selector,
            gate: Gate(
                minimumReceipts: record.minimumReceipts, maximumFailures: record.maximumFailures, soak: record.soak),
            deadline: record.deadline)
    }
}

extension DeviceProgress {
    init(_ record: RolloutDeviceRecord) {
        self.init(
            wave: record.wave, state: record.state, returnTo: record.returnTo, offeredAt: record.offeredAt,
            endedAt: record.endedAt, failure: record.failure, detail: record.detail)
    }
}

extension RolloutDeviceRecord {
    init(rollout: Int64, device: DeviceID, _ progress: DeviceProgress) {
        self.init(
            rollout: rollout, device: device, wave: progress.wave, state: progress.state, returnTo: progress.returnTo,
            offeredAt: progress.offeredAt, endedAt: progress.endedAt, failure: progress.failure,
            detail: progress.detail)
    }
}
