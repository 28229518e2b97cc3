import FleetModel
public import FleetStore
import GRDB
import Logging
import RolloutCore

/// Rollouts: a release on its way to a device selector, wave by wave.
public struct RolloutService: Sendable {
    let context: ControllerContext
    /// Called after something changed that a device must be told.
    let deliver: @Sendable () -> Void

    /// Plans a rollout. It waits until its release is approved, and then for `start`.
    public func create(_ request: RolloutRequest, by caller: Identity) async throws -> RolloutRecord {
        try Self.check(request)
        let policy = context.configuration.devicePolicy
        let command = Command("rollouts.create", by: caller, role: .operator, subject: request.release)
        return try await context.perform(command) { database, scope in
            let release = try ReleaseRows.record(database, request.release)
            guard release.stage != .retired else {
                throw ControllerError(.wrongState, "release '\(release.name)' is retired")
            }
            var record = RolloutRecord(
                release: request.release, selector: request.selector, activation: request.activation, state: .draft,
                trainingRun: request.trainingRun, createdAt: scope.now, createdBy: caller.name)
            try record.insert(database)
            try Self.insertWaves(database, request.waves, of: record)
            var events: [RolloutEvent] = [.command(.submit, reason: "")]
            if release.digest != nil { events.append(.command(.approve, reason: "")) }
            var engine = RolloutEngine(database: database, now: scope.now, devicePolicy: policy, caller: caller)
            record = try engine.handle(record, events)
            scope.subject = "\(record.id ?? 0)"
            scope.detail = ["release": request.release.text, "selector": request.selector.description]
            scope.changes = engine.effects.changes
            return record
        }
    }

    /// Begins the first wave with the devices that the selector picks now.
    public func start(_ id: Int64, reason: String = "", by caller: Identity) async throws -> RolloutRecord {
        try await act(.start, id, reason: reason, by: caller)
    }

    /// Offers the release to no further device.
    public func pause(_ id: Int64, reason: String = "", by caller: Identity) async throws -> RolloutRecord {
        try await act(.pause, id, reason: reason.isEmpty ? "paused by \(caller.name)" : reason, by: caller)
    }

    /// Goes on, and offers the release again to devices that failed or timed out.
    public func resume(_ id: Int64, reason: String = "", by caller: Identity) async throws -> RolloutRecord {
        try await act(.resume, id, reason: reason, by: caller)
    }

    /// Ends it: devices that run the release keep it, the others go back to what they ran.
    public func abort(_ id: Int64, reason: String = "", by caller: Identity) async throws -> RolloutRecord {
        try await act(.abort, id, reason: reason.isEmpty ? "aborted by \(caller.name)" : reason, by: caller)
    }

    /// Sends every device back to what it ran before.
    public func rollback(_ id: Int64, reason: String = "", by caller: Identity) async throws -> RolloutRecord {
        try await act(.rollback, id, reason: reason.isEmpty ? "rolled back by \(caller.name)" : reason, by: caller)
    }

    private func act(
        _ action: RolloutCommand, _ id: Int64, reason: String, by caller: Identity
    ) async throws -> RolloutRecord {
        let policy = context.configuration.devicePolicy
        let command = Command("rollouts.\(action.rawValue)", by: caller, role: .operator, subject: id, reason: reason)
        let record = try await context.perform(command) { database, scope in
            let record = try RolloutRows.record(database, id)
            var events: [RolloutEvent] = []
            if action == .start { events.append(.devices(try RolloutEngine.candidates(database, record))) }
            var machine = try RolloutRows.machine(database, record)
            for event in events { _ = machine.handle(event, at: scope.now) }
            guard machine.allows(action) else { throw Self.refusal(action, record) }
            guard action != .start || !machine.snapshot.devices.isEmpty else {
                throw ControllerError(
                    .wrongState, "rollout \(id) reaches no device",
                    hint: try Self.reachHint(database, record.release))
            }
            events.append(.command(action, reason: reason))
            var engine = RolloutEngine(database: database, now: scope.now, devicePolicy: policy, caller: caller)
            let after = try engine.handle(record, events)
            scope.detail = ["release": record.release.text, "state": after.state.rawValue]
            scope.changes = engine.effects.changes
            return after
        }
        deliver()
        return record
    }

    private static func reachHint(_ database: Database, _ name: ReleaseName) throws -> String {
        guard let limit = try DelegatedReach.limit(database, ReleaseRows.record(database, name)) else {
            return "look at its selectors"
        }
        return "the automation key signed '\(name)' alone: it reaches \(limit.delegation.canaryShare) of "
            + "\(limit.delegation.group), and people must sign a release for more"
    }

    private static func refusal(_ action: RolloutCommand, _ record: RolloutRecord) -> ControllerError {
        ControllerError(
            .wrongState, "rollout \(record.id ?? 0) is \(record.state.rawValue): \(action.rawValue) does not fit",
            hint: record.state == .awaitingApproval ? "release '\(record.release)' has to be approved first" : "")
    }

    private static func insertWaves(_ database: Database, _ waves: [Wave], of record: RolloutRecord) throws {
        for (ordinal, wave) in waves.enumerated() {
            try RolloutWaveRecord(
                rollout: record.id ?? 0, ordinal: ordinal, name: wave.name, cumulativeShare: wave.cumulativeShare,
                selector: wave.selector, minimumReceipts: wave.gate.minimumReceipts,
                maximumFailures: wave.gate.maximumFailures, soak: wave.gate.soak, deadline: wave.deadline
            ).insert(database)
        }
    }

    private static func check(_ request: RolloutRequest) throws(ControllerError) {
        guard (1...ControllerLimits.waves).contains(request.waves.count) else {
            throw ControllerError(.invalid, "a rollout has 1 to \(ControllerLimits.waves) waves")
        }
        var share = 0.0
        for wave in request.waves {
            guard (0...1).contains(wave.cumulativeShare), wave.cumulativeShare >= share else {
                throw ControllerError(.invalid, "wave '\(wave.name)': shares are cumulative, 0 to 1, and rise")
            }
            guard (0...1).contains(wave.gate.minimumReceipts), (0...1).contains(wave.gate.maximumFailures) else {
                throw ControllerError(.invalid, "wave '\(wave.name)': a gate's shares are between 0 and 1")
            }
            guard wave.deadline > .seconds(0), wave.gate.soak >= .seconds(0) else {
                throw ControllerError(.invalid, "wave '\(wave.name)': deadline must be positive, soak not negative")
            }
            share = wave.cumulativeShare
        }
    }
}

// MARK: - Time

extension RolloutService {
    /// Looks at deadlines and soak times until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            do { try await tick() } catch {
                context.logFailure(of: "rollouts", error)
            }
            try? await Task.sleep(for: .milliseconds(context.configuration.tickInterval.milliseconds))
        }
    }

    /// Lets every rollout whose time has come go on.
    func tick() async throws {
        let now = context.now()
        let due = try await context.read { database in
            try RolloutRows.waiting(database).filter {
                guard let deadline = try RolloutRows.machine(database, $0).nextDeadline else { return false }
                return deadline <= now
            }.compactMap(\.id)
        }
        guard !due.isEmpty else { return }
        let policy = context.configuration.devicePolicy
        let mustDeliver = try await context.write { database, changes in
            var engine = RolloutEngine(database: database, now: now, devicePolicy: policy)
            for id in due { try engine.handle(RolloutRows.record(database, id), [.tick]) }
            changes += engine.effects.changes
            return engine.effects.mustDeliver
        }
        if mustDeliver { deliver() }
    }
}
