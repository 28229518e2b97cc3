import FleetModel
import FleetStore
import FleetWire
import GRDB
import RolloutCore

/// What devices' news mean to rollouts.
extension RolloutEngine {
    /// Devices as a rollout needs to know them.
    static func candidates(_ database: Database, _ record: RolloutRecord) throws -> [RolloutCandidate] {
        let slot = try ReleasePartRecord.filter(Column("release") == record.release).order(Column("slot"))
            .fetchOne(database)?.slot
        let limit = try DelegatedReach.limit(database, ReleaseRows.record(database, record.release))
        return try DeviceQueries.select(database, record.selector).compactMap { id in
            let tags = try DeviceQueries.tags(database, of: id)
            guard limit?.contains(id, tags: tags) ?? true else { return nil }
            let row = try DeviceSlotRecord.filter(Column("device") == id && Column("slot") == slot).fetchOne(database)
            return RolloutCandidate(device: id, tags: tags, champion: row?.champion)
        }
    }

    /// A device said where one of its slots stands.
    ///
    /// - Parameter isCurrent: it has seen its newest desired document, so that what it says is about that.
    mutating func deviceReported(_ device: DeviceID, _ slot: ReportedSlot, isCurrent: Bool) throws {
        let rows = try RolloutDeviceRecord.filter(Column("device") == device).order(Column("rollout").desc)
            .fetchAll(database)
        for row in rows where row.state != .rolledBack {
            let record = try RolloutRows.record(database, row.rollout)
            guard RolloutRows.openStates.contains(record.state),
                let release = try ReleaseRows.record(database, record.release).digest
            else { continue }
            let events = try events(device, slot, row, record, release: release, isCurrent: isCurrent)
            if !events.isEmpty { try handle(record, events) }
        }
    }

    private func events(
        _ device: DeviceID, _ slot: ReportedSlot, _ row: RolloutDeviceRecord, _ record: RolloutRecord, release: Digest,
        isCurrent: Bool
    ) throws -> [RolloutEvent] {
        let isReturning = record.state == .aborting || record.state == .rollingBack
        var events: [RolloutEvent] = []
        if slot.champion == release, row.state != .succeeded, try hasAllReceipts(device, record, release) {
            events.append(.receipt(device, release: release))
        }
        if isCurrent, slot.target == release, slot.phase == .failed || slot.phase == .rolledBack,
            row.state == .offered || row.state == .succeeded
        {
            events.append(
                .failed(
                    device, release: release, failure: slot.failure ?? .storeFailed,
                    detail: String(slot.detail.prefix(WireLimits.detailBytes))))
        }
        if isCurrent, isReturning, row.state == .offered, slot.phase.isFinal || slot.phase == .idle {
            events.append(.settled(device, champion: slot.champion))
        }
        return events
    }

    /// A release counts as running when every slot that it fills has its receipt.
    private func hasAllReceipts(_ device: DeviceID, _ record: RolloutRecord, _ release: Digest) throws -> Bool {
        let missing = try Int.fetchOne(
            database,
            sql: """
                SELECT count(*) FROM release_part AS part WHERE part.release = ? AND NOT EXISTS (
                    SELECT 1 FROM receipt WHERE receipt.device = ? AND receipt.slot = part.slot AND receipt.release = ?)
                """, arguments: [record.release, device, release])
        return missing == 0
    }

    /// A device is new or has other tags: the newest rollout that takes it offers it its release.
    mutating func deviceJoined(_ device: DeviceID) throws {
        let open = RolloutState.allCases.filter { [.running, .paused, .completed].contains($0) }
        let records = try RolloutRecord.filter(open.contains(Column("state"))).order(Column("id").desc)
            .fetchAll(database)
        for record in records {
            let release = try ReleaseRows.record(database, record.release)
            // What a delegation that is over signed is offered to no newcomer.
            guard release.stage != .retired, try DelegatedReach.stands(database, release) else { continue }
            let row = RolloutDeviceRecord.filter(Column("rollout") == record.id && Column("device") == device)
            if try row.fetchCount(database) > 0 { return }
            guard let candidate = try Self.candidates(database, record).first(where: { $0.device == device }) else {
                continue
            }
            try handle(record, [.devices([candidate])])
            if try row.fetchCount(database) > 0 { return }
        }
    }

    /// A device was revoked: it counts nowhere any more.
    mutating func deviceRemoved(_ device: DeviceID) throws {
        for row in try RolloutDeviceRecord.filter(Column("device") == device).fetchAll(database) {
            let record = try RolloutRows.record(database, row.rollout)
            if !record.state.isFinal { try handle(record, [.removed(device)]) }
        }
    }

    /// A release was approved: rollouts that waited for it may start.
    mutating func releaseApproved(_ name: ReleaseName) throws {
        let waiting = try RolloutRecord.filter(
            Column("release") == name && Column("state") == RolloutState.awaitingApproval
        ).fetchAll(database)
        for record in waiting { try handle(record, [.command(.approve, reason: "the release is approved")]) }
    }
}
