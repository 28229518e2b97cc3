import FleetModel
import FleetStore
import FleetWire
import GRDB
import RolloutCore

/// What devices' news mean to rollouts.
extension RolloutEngine {
    /// Devices as a rollout needs to know them.
    static func candidates(_ database: Database, _ record: RolloutRecord) throws -> [RolloutCandidate] {
        let slot = try ReleasePartRecord.first(database, where: "release = ? ORDER BY slot", [record.release])?.slot
        let limit = try DelegatedReach.limit(database, ReleaseRows.record(database, record.release))
        return try DeviceQueries.select(database, record.selector).compactMap { id in
            let tags = try DeviceQueries.tags(database, of: id)
            guard limit?.contains(id, tags: tags) ?? true else { return nil }
            let row = try DeviceSlotRecord.first(database, where: "device = ? AND slot = ?", [id, slot])
            return RolloutCandidate(device: id, tags: tags, champion: row?.champion)
        }
    }

    /// What it means to open rollouts that a device said where one of its slots stands, by rollout.
    ///
    /// - Parameter isCurrent: it has seen its newest desired document, so that what it says is about that.
    static func news(
        _ database: Database, of device: DeviceID, _ slot: ReportedSlot, isCurrent: Bool
    ) throws -> [(rollout: Int64, events: [RolloutEvent])] {
        try database.rows(openRollouts, [device]).compactMap { row in
            let member = Member(
                device: device, rollout: try row.decode(forColumn: "rollout"),
                name: try row.decode(forColumn: "name"), release: try row.decode(forColumn: "digest"),
                state: try row.decode(forColumn: "state"), rolloutState: try row.decode(forColumn: "rolloutState"))
            guard RolloutRows.openStates.contains(member.rolloutState) else { return nil }
            let events = try events(database, member, slot, isCurrent: isCurrent)
            return events.isEmpty ? nil : (member.rollout, events)
        }
    }

    /// The rollouts that a device has a part in and that are not over for it, with their approved releases.
    private static let openRollouts = """
        SELECT member.rollout, member.state, rollout.state AS rolloutState, release.name, release.digest
        FROM rollout_device AS member JOIN rollout ON rollout.id = member.rollout
        JOIN release ON release.name = rollout.release
        WHERE member.device = ? AND member.state <> 'rolledBack' AND release.digest IS NOT NULL
        """

    /// A device in a rollout.
    private struct Member {
        var device: DeviceID
        var rollout: Int64
        var name: ReleaseName
        var release: Digest
        var state: RolloutDeviceState
        var rolloutState: RolloutState
    }

    private static func events(
        _ database: Database, _ member: Member, _ slot: ReportedSlot, isCurrent: Bool
    ) throws -> [RolloutEvent] {
        let isReturning = member.rolloutState == .aborting || member.rolloutState == .rollingBack
        let device = member.device
        let release = member.release
        var events: [RolloutEvent] = []
        if slot.champion == release, member.state != .succeeded, try hasAllReceipts(database, member) {
            let previous = try provenPrevious(database, member, slot)
            events.append(.receipt(device, release: release, previous: previous))
        }
        if isCurrent, slot.target == release, slot.phase == .failed || slot.phase == .rolledBack,
            member.state == .offered || member.state == .succeeded
        {
            events.append(
                .failed(
                    device, release: release, failure: slot.failure ?? .storeFailed,
                    detail: String(slot.detail.prefix(WireLimits.detailBytes))))
        }
        if isCurrent, isReturning, member.state == .offered, slot.phase.isFinal || slot.phase == .idle {
            let previous = try slot.champion == release ? provenPrevious(database, member, slot) : nil
            events.append(.settled(device, champion: slot.champion, previous: previous))
        }
        return events
    }

    /// The release that the device says it would go back to, if its own receipt shows that it ran there.
    private static func provenPrevious(
        _ database: Database, _ member: Member, _ slot: ReportedSlot
    ) throws -> Digest? {
        guard let previous = slot.previous else { return nil }
        let isProven =
            try database.value(
                "SELECT EXISTS (SELECT 1 FROM receipt WHERE device = ? AND slot = ? AND release = ?)",
                [member.device, slot.slot, previous]) ?? false
        return isProven ? previous : nil
    }

    /// A release counts as running when every slot that it fills has its receipt.
    private static func hasAllReceipts(_ database: Database, _ member: Member) throws -> Bool {
        let missing: Int? = try database.value(
            """
            SELECT count(*) FROM release_part AS part WHERE part.release = ? AND NOT EXISTS (
                SELECT 1 FROM receipt WHERE receipt.device = ? AND receipt.slot = part.slot AND receipt.release = ?)
            """, [member.name, member.device, member.release])
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
