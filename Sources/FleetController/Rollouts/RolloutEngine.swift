import FleetModel
import FleetStore
import GRDB
import RolloutCore

/// Runs a rollout's state machine over its rows: load, hear events, carry the actions out, save, all in the caller's
/// transaction. There is no other copy of its state, so a kill at any time loses nothing and repeats nothing.
struct RolloutEngine {
    let database: Database
    let now: Instant
    /// How devices report and sample unless a policy says otherwise.
    let devicePolicy: DevicePolicy
    /// Who caused it, for the audit.
    var caller = Identity.controller
    var effects = RolloutEffects()

    init(database: Database, now: Instant, devicePolicy: DevicePolicy, caller: Identity = .controller) {
        self.database = database
        self.now = now
        self.devicePolicy = devicePolicy
        self.caller = caller
    }

    /// Lets a rollout hear events.
    @discardableResult
    mutating func handle(_ record: RolloutRecord, _ events: [RolloutEvent]) throws -> RolloutRecord {
        var record = record
        var machine = try RolloutRows.machine(database, record)
        let before = machine.snapshot
        for event in events {
            for action in machine.handle(event, at: now) {
                try perform(action, of: record, machine, commanded: event.isCommand)
            }
        }
        try RolloutRows.save(database, &record, from: before, to: machine.snapshot)
        if before != machine.snapshot { effects.changes.append(ChangeEvent(.rollout, record.id ?? 0)) }
        return record
    }

    private mutating func perform(
        _ action: RolloutAction, of record: RolloutRecord, _ machine: RolloutMachine, commanded: Bool
    ) throws {
        switch action {
        case .offer(let offer):
            try setDesired(
                offer.device, record, release: offer.release, activation: offer.activation, deadline: offer.deadline)
            try markReleased(record.release)
        case .withdraw(let device, let release):
            try setDesired(
                device, record, release: release, activation: .now,
                deadline: now.advanced(by: Self.returnPatience))
        case .waveBegan, .waveEnded:
            effects.changes.append(ChangeEvent(.rollout, record.id ?? 0))
        case .changed(let state, let reason):
            try stateChanged(to: state, reason: reason, of: record, commanded: commanded)
        }
    }

    /// How long a device may take to fetch what it is sent back to.
    private static let returnPatience = Interval.minutes(30 * 24 * 60)

    /// Makes a release the desired one in every slot that the rollout's release fills.
    private mutating func setDesired(
        _ device: DeviceID, _ record: RolloutRecord, release: Digest?, activation: ActivationCondition,
        deadline: Instant
    ) throws {
        let slots = try ReleasePartRecord.all(database, where: "release = ?", [record.release]).map(\.slot)
        for name in slots {
            try DeviceSlotRecord(
                device: device, slot: name, desiredRelease: release, activation: activation, deadline: deadline,
                rollout: record.id
            ).storeDesired(database)
        }
        try DesiredDocument.refresh(database, device, fallback: devicePolicy)
        effects.mustDeliver = true
    }

    private mutating func markReleased(_ name: ReleaseName) throws {
        try database.run("UPDATE release SET stage = 'released' WHERE name = ? AND stage = 'approved'", [name])
        if database.changesCount > 0 { effects.changes.append(ChangeEvent(.release, name)) }
    }

    /// Tells the audit, and people if the rollout stopped by itself.
    private mutating func stateChanged(
        to state: RolloutState, reason: String, of record: RolloutRecord, commanded: Bool
    ) throws {
        let id = record.id ?? 0
        if !commanded {
            let entry = try AuditChain.append(
                to: database, at: now, caller: .controller, command: "rollouts.\(state.rawValue)", subject: "\(id)",
                detail: ["release": record.release.text], reason: reason)
            effects.changes.append(ChangeEvent(.audit, entry.number))
        }
        let fingerprint = "rollout/\(id)"
        if state == .paused, !commanded {
            try AlertBook.open(
                database,
                AlertCondition(
                    fingerprint: fingerprint, kind: .rollout, severity: .critical, subject: "\(id)",
                    title: "Rollout \(id) of \(record.release) paused", reason: reason,
                    action: "Look at the failed devices, then resume, abort or roll back."),
                at: now, changes: &effects.changes)
        } else if state != .paused {
            try AlertBook.close(database, fingerprint: fingerprint, at: now, changes: &effects.changes)
        }
    }
}

extension RolloutEvent {
    /// A person's or a policy's command.
    var isCommand: Bool {
        if case .command = self { true } else { false }
    }
}
