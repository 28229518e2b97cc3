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

    /// What it means to open rollouts that a device said where its slots stand, by rollout.
    ///
    /// - Parameter isCurrent: it has seen its newest desired document, so that what it says is about that.
    static func news(
        _ database: Database, of device: DeviceID, _ slots: [ReportedSlot], isCurrent: Bool
    ) throws -> [(rollout: Int64, events: [RolloutEvent])] {
        var members: [Member] = []
        for row in try database.rows(openRollouts, [device]) {
            let member = try Member(device, row)
            guard RolloutRows.openStates.contains(member.rolloutState) else { continue }
            if members.last?.rollout != member.rollout { members.append(member) }
            let slot: SlotName = try row.decode(forColumn: "slot")
            members[members.count - 1].slots += slots.filter { $0.slot == slot }
        }
        return try members.compactMap { member in
            let events = try events(database, member, isCurrent: isCurrent)
            return events.isEmpty ? nil : (member.rollout, events)
        }
    }

    /// The rollouts that a device has a part in and that are not over for it, with their approved releases: a row for
    /// every slot that the release fills.
    private static let openRollouts = """
        SELECT member.rollout, member.state, rollout.state AS rolloutState, release.name, release.digest, part.slot
        FROM rollout_device AS member JOIN rollout ON rollout.id = member.rollout
        JOIN release ON release.name = rollout.release JOIN release_part AS part ON part.release = release.name
        WHERE member.device = ? AND member.state <> 'rolledBack' AND release.digest IS NOT NULL
        ORDER BY member.rollout, part.slot
        """

    /// A device in a rollout.
    private struct Member {
        var device: DeviceID
        var rollout: Int64
        var name: ReleaseName
        var release: Digest
        var state: RolloutDeviceState
        var rolloutState: RolloutState
        /// What it said of the slots that the release fills. The first one says what it runs and ran, as for
        /// `candidates`.
        var slots: [ReportedSlot] = []

        init(_ device: DeviceID, _ row: Row) throws {
            self.device = device
            rollout = try row.decode(forColumn: "rollout")
            name = try row.decode(forColumn: "name")
            release = try row.decode(forColumn: "digest")
            state = try row.decode(forColumn: "state")
            rolloutState = try row.decode(forColumn: "rolloutState")
        }

        var isReturning: Bool { rolloutState == .aborting || rolloutState == .rollingBack }
    }

    private static func events(_ database: Database, _ member: Member, isCurrent: Bool) throws -> [RolloutEvent] {
        let slots = member.slots
        let device = member.device
        let release = member.release
        var events: [RolloutEvent] = []
        if member.state != .succeeded, slots.contains(where: { $0.champion == release }),
            try hasAllReceipts(database, member)
        {
            let previous = try provenPrevious(database, member)
            events.append(.receipt(device, release: release, previous: previous))
        }
        guard isCurrent else { return events }
        if member.state == .offered || member.state == .succeeded,
            let slot = slots.first(where: { $0.target == release && ($0.phase == .failed || $0.phase == .rolledBack) })
        {
            events.append(
                .failed(
                    device, release: release, failure: slot.failure ?? .storeFailed,
                    detail: String(slot.detail.prefix(WireLimits.detailBytes))))
        }
        if member.isReturning, member.state == .offered, slots.allSatisfy({ $0.phase.isFinal || $0.phase == .idle }) {
            let previous = try provenPrevious(database, member)
            events.append(.settled(device, champion: slots.first?.champion, previous: previous))
        }
        return events
    }

    /// The release that the device says it would go back to, if its own receipt shows that it ran there, and no other
    /// rollout has had a say in the slot since.
    private static func provenPrevious(_ database: Database, _ member: Member) throws -> Digest? {
        guard let slot = member.slots.first, slot.champion == member.release, let previous = slot.previous else {
            return nil
        }
        let isProven =
            try database.value(
                """
                SELECT EXISTS (SELECT 1 FROM receipt JOIN device_slot AS slot
                    ON slot.device = receipt.device AND slot.slot = receipt.slot AND slot.rollout = ?
                    WHERE receipt.device = ? AND receipt.slot = ? AND receipt.release = ?)
                """, [member.rollout, member.device, slot.slot, previous]) ?? false
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
