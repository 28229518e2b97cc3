import FleetModel
public import FleetStore
import GRDB

/// Rollouts: a release on its way to a device selector, wave by wave.
public struct RolloutService: Sendable {
    let context: ControllerContext
    /// Called after something changed that a device must be told.
    let deliver: @Sendable () -> Void

    /// Plans a rollout. It waits for approval until its release is approved, and for `start` after that.
    public func create(_ request: RolloutRequest, by caller: Identity) async throws -> RolloutRecord {
        try Self.check(request)
        return try await context.perform(
            Command("rollouts.create", by: caller, role: .operator, subject: request.release)
        ) { database, scope in
            let release = try ReleaseRows.record(database, request.release)
            guard release.stage != .retired else {
                throw ControllerError(.wrongState, "release '\(release.name)' is retired")
            }
            let isApproved = release.stage == .approved || release.stage == .released
            var record = RolloutRecord(
                release: request.release, selector: request.selector, activation: request.activation,
                state: isApproved ? .draft : .awaitingApproval, trainingRun: request.trainingRun, createdAt: scope.now,
                createdBy: caller.name)
            try record.insert(database)
            for (ordinal, wave) in request.waves.enumerated() {
                try RolloutWaveRecord(
                    rollout: record.id ?? 0, ordinal: ordinal, name: wave.name, cumulativeShare: wave.cumulativeShare,
                    selector: wave.selector, minimumReceipts: wave.gate.minimumReceipts,
                    maximumFailures: wave.gate.maximumFailures, soak: wave.gate.soak, deadline: wave.deadline
                ).insert(database)
            }
            scope.subject = "\(record.id ?? 0)"
            scope.detail = ["release": request.release.text, "selector": request.selector.description]
            scope.changes = [ChangeEvent(.rollout, record.id ?? 0)]
            return record
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
