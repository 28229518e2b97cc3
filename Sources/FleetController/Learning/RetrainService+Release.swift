import FleetModel
import FleetStore
import GRDB
import RolloutCore

/// From a version to devices. Where the root delegates to the automation key that lies here, canaries get the version
/// at once; everybody else gets it in a release that people sign. The two are releases of their own: a release's name
/// for devices is the digest of its signed message, so more signatures would make another one under the same counter.
extension RetrainService {
    /// Makes a release for the canaries if a delegation allows one, else the one that people sign.
    func release(
        _ run: Int64, _ version: VersionID, _ document: RetrainDocument, _ policy: String
    ) async throws -> RetrainJourney {
        guard document.rollout != nil, try await releases.delegation(for: version.model) != nil else {
            return try await askPeople(run, version, document, policy)
        }
        let name = try Self.canaryName(version)
        if try await stage(of: name) == nil {
            _ = try await makeRelease(name, version, note: "policy \(policy), training run \(run), for canaries")
        }
        if try await stage(of: name) == .candidate { try await releases.signByAutomation(name) }
        return .canary(run: run, version: version, release: name)
    }

    /// Waits for the canaries.
    ///
    /// - Returns: nil while their rollout is under way; where it leads once that is over.
    func canary(
        _ run: Int64, _ version: VersionID, _ name: ReleaseName, _ document: RetrainDocument, _ policy: String
    ) async throws -> RetrainJourney? {
        guard let rollout = try await rollout(of: name, run) else {
            guard let plan = try document.rolloutWaves(), let first = plan.waves.first,
                let stage = try await stage(of: name), stage == .approved || stage == .released
            else { return try await askPeople(run, version, document, policy) }
            let wave = Wave(
                name: "canaries of the automation key", cumulativeShare: 1, gate: first.gate, deadline: first.deadline)
            _ = try await rollouts.create(
                RolloutRequest(release: name, selector: plan.selector, waves: [wave], trainingRun: run),
                by: .controller)
            return .canary(run: run, version: version, release: name)
        }
        switch rollout.state {
        case .scheduled: return try await startCanaries(rollout, version, document, policy)
        case .completed: return try await askPeople(run, version, document, policy)
        case .aborted, .rolledBack: return .watching
        case .draft, .awaitingApproval, .running, .paused, .aborting, .rollingBack: return nil
        }
    }

    /// A delegation may reach no device of the policy's: then people decide at once.
    private func startCanaries(
        _ rollout: RolloutRecord, _ version: VersionID, _ document: RetrainDocument, _ policy: String
    ) async throws -> RetrainJourney? {
        let run = rollout.trainingRun ?? 0
        do {
            _ = try await rollouts.start(rollout.id ?? 0, reason: "training run \(run)", by: .controller)
            return nil
        } catch let error as ControllerError where error.code == .wrongState {
            _ = try await rollouts.abort(rollout.id ?? 0, reason: error.message, by: .controller)
            return try await askPeople(run, version, document, policy)
        }
    }

    /// Makes the release that people sign, and the rollout that waits for them.
    private func askPeople(
        _ run: Int64, _ version: VersionID, _ document: RetrainDocument, _ policy: String
    ) async throws -> RetrainJourney {
        let canary = try Self.canaryName(version)
        let found = try await context.read { database in
            try ReleasePartRecord.filter(
                Column("model") == version.model && Column("number") == version.number
                    && Column("release") != canary
            ).fetchOne(database)?.release
        }
        var name = found
        if name == nil {
            name = try await makeRelease(nil, version, note: "policy \(policy), training run \(run)")
        }
        guard let name else { return .watching }
        if let plan = try document.rolloutWaves(), try await stage(of: name) != .retired {
            _ = try await rollout(of: name, run, asPlanned: plan)
        }
        return .approving(run: run, release: name)
    }

    private func makeRelease(_ name: ReleaseName?, _ version: VersionID, note: String) async throws -> ReleaseName {
        let slot = try await context.read { database in
            try ReleasePartRecord.filter(Column("model") == version.model).fetchOne(database)?.slot ?? .main
        }
        return try await releases.create(
            ReleaseRequest(name: name, versions: [slot: version], note: note), by: .controller
        ).record.name
    }

    private static func canaryName(_ version: VersionID) throws -> ReleaseName {
        try ReleaseName("\(version.model)-\(version.number)-canary")
    }

    private func stage(of name: ReleaseName) async throws -> ReleaseStage? {
        try await context.read { try ReleaseRecord.fetchOne($0, key: name)?.stage }
    }

    private func rollout(of release: ReleaseName, _ run: Int64) async throws -> RolloutRecord? {
        try await context.read { database in
            try RolloutRecord.filter(Column("release") == release && Column("trainingRun") == run).fetchOne(database)
        }
    }

    /// Ends the rollout that waited for a release which nobody can sign any more: it was rejected, or has expired.
    func abandon(_ release: ReleaseName, _ run: Int64) async throws {
        guard let rollout = try await rollout(of: release, run), rollout.state == .awaitingApproval else { return }
        _ = try await rollouts.abort(
            rollout.id ?? 0, reason: "release '\(release)' was rejected or expired unsigned", by: .controller)
    }

    /// Starts the rollout of a release that people signed.
    func startRollout(_ run: Int64, _ release: ReleaseName, _ document: RetrainDocument) async throws {
        guard let plan = try document.rolloutWaves() else { return }
        let rollout = try await rollout(of: release, run, asPlanned: plan)
        // A rollout that was started before a restart, or by a person, is left alone.
        guard let id = rollout.id, rollout.state == .scheduled else { return }
        _ = try await rollouts.start(id, reason: "training run \(run)", by: .controller)
    }

    /// The rollout of a release for a training run, made if there is none.
    private func rollout(
        of release: ReleaseName, _ run: Int64, asPlanned plan: (selector: Selector, waves: [Wave])
    ) async throws -> RolloutRecord {
        if let found = try await rollout(of: release, run) { return found }
        return try await rollouts.create(
            RolloutRequest(release: release, selector: plan.selector, waves: plan.waves, trainingRun: run),
            by: .controller)
    }
}
