import FleetModel
import FleetStore
import Foundation
import GRDB
import Logging
import RetrainCore

/// Lets every retrain policy look at the facts, and goes the way that follows: cut a dataset version, train, make a
/// candidate release, and roll it out once people have signed it.
///
/// Where a policy stands is stored before each step, and each step first looks for what it did already, so a controller
/// that is killed at any moment neither forgets a step nor does it twice.
struct RetrainService: Sendable {
    /// How often policies look.
    static let interval = Duration.seconds(1)

    let context: ControllerContext
    let training: TrainingService
    let datasets: DatasetService
    let releases: ReleaseService
    let rollouts: RolloutService

    /// Works until the task is cancelled.
    func run() async {
        var trouble = PolicyTrouble()
        while !Task.isCancelled {
            do {
                try await turn(&trouble)
            } catch {
                context.logFailure(of: "retraining", error)
            }
            try? await Task.sleep(for: Self.interval)
        }
    }

    /// Lets each policy look once. One that cannot be followed opens an alert, is tried again with growing pauses, and
    /// keeps none of the others from their turn.
    func turn(_ trouble: inout PolicyTrouble) async throws {
        for policy in try await policies() where trouble.mayTry(policy.name, at: context.now()) {
            do {
                try await look(policy)
                try await mended(policy, &trouble)
            } catch let error as CancellationError {
                throw error
            } catch {
                try await failed(policy, error, &trouble)
            }
        }
    }

    private func failed(_ policy: PolicyRecord, _ error: any Error, _ trouble: inout PolicyTrouble) async throws {
        let now = context.now()
        trouble.note(policy.name, at: now)
        let known = error as? ControllerError
        context.logger.error(
            "a retrain policy cannot be followed", metadata: ["policy": "\(policy.name)", "error": "\(error)"])
        try await context.write { database, changes in
            try AlertBook.open(
                database,
                AlertCondition(
                    fingerprint: PolicyTrouble.fingerprint(policy.name), kind: .training, severity: .warning,
                    subject: policy.name, title: "Policy \(policy.name) cannot be followed",
                    reason: known?.message ?? String("\(error)".prefix(ControllerLimits.noteCharacters)),
                    action: known.flatMap { $0.hint.isEmpty ? nil : $0.hint }
                        ?? "Mend the policy, or look at the controller's log."), at: now, changes: &changes)
        }
    }

    private func mended(_ policy: PolicyRecord, _ trouble: inout PolicyTrouble) async throws {
        guard trouble.forget(policy.name) else { return }
        let now = context.now()
        try await context.write { database, changes in
            try AlertBook.close(
                database, fingerprint: PolicyTrouble.fingerprint(policy.name), at: now, changes: &changes)
        }
    }

    private func policies() async throws -> [PolicyRecord] {
        try await context.read { database in
            try PolicyRecord.filter(Column("kind") == PolicyKind.retrain && Column("enabled") == true)
                .order(Column("name")).fetchAll(database)
        }
    }

    /// One look of one policy, and all steps that can be gone at once.
    func look(_ policy: PolicyRecord) async throws {
        let document = try RetrainDocument(document: Data(policy.document.utf8))
        var state = RetrainState(stored: policy.state, policy: try document.policy(), at: context.now())
        if state.journey == .watching {
            let facts = try await observation(document, since: state.machine.snapshot.since)
            let now = context.now()
            guard case .start(let triggers)? = state.machine.handle(.observed(facts), at: now).first else {
                // A new policy's beginning is kept: its schedule counts from there.
                if policy.state == "{}" { try await store(state, of: policy.name) }
                return
            }
            state.journey = .training(since: now, reason: triggers.reason, run: nil)
            try await store(state, of: policy.name, fired: triggers)
        }
        while let next = try await step(from: state.journey, document, policy.name) {
            state.journey = next
            if next == .watching { _ = state.machine.handle(.ended, at: context.now()) }
            try await store(state, of: policy.name)
            if next == .watching { return }
        }
    }

    // MARK: - Facts

    private func observation(_ document: RetrainDocument, since: Instant) async throws -> RetrainObservation {
        let tags = context.configuration.groupTags
        return try await context.read { database in
            let model = ModelName(unchecked: document.model)
            let annotations = try SampleRecord.filter(
                Column("verdict") == AnnotationVerdict.class && Column("model") == model
                    && Column("annotatedAt") > since
            ).fetchCount(database)
            guard let champion = try TrainingService.releasedVersion(database, of: model) else {
                return RetrainObservation(newAnnotations: annotations)
            }
            return RetrainObservation(
                drift: try Self.drift(database, of: model, tags: tags), accuracy: try Self.accuracy(database, champion),
                newAnnotations: annotations)
        }
    }

    /// Devices with an open drift alert among those that run a release of this model and have a verdict on it, by group;
    /// `*` is all of them.
    private static func drift(
        _ database: Database, of model: ModelName, tags: [String]
    ) throws -> [RetrainObservation.GroupDrift] {
        let judged = try Row.fetchAll(
            database,
            sql: """
                SELECT own.device, max(EXISTS (
                    SELECT 1 FROM alert WHERE closedAt IS NULL AND fingerprint = 'drift/' || own.device || '/' || own.slot
                )) AS drifted
                FROM device_slot AS own
                JOIN release ON release.digest = own.champion
                JOIN release_part AS part ON part.release = release.name AND part.slot = own.slot
                WHERE part.model = ? AND EXISTS (
                    SELECT 1 FROM drift_point AS point
                    WHERE point.device = own.device AND point.slot = own.slot AND point.release = own.champion)
                GROUP BY own.device
                """, arguments: [model])
        var groups: [String: RetrainObservation.GroupDrift] = [:]
        for row in judged {
            let own = try DeviceQueries.tags(database, of: row["device"])
            let names = [AccuracyService.everyone] + tags.compactMap { tag in own[tag].map { "\(tag)=\($0)" } }
            for name in names {
                groups[name, default: .init(group: name, devices: 0, drifted: 0)].devices += 1
                if row["drifted"] { groups[name]?.drifted += 1 }
            }
        }
        return groups.values.sorted { $0.group < $1.group }
    }

    /// The newest estimate of each group for the version that is released.
    private static func accuracy(
        _ database: Database, _ champion: VersionID
    ) throws -> [RetrainObservation.GroupAccuracy] {
        let own = Column("model") == champion.model && Column("number") == champion.number
        var newest: [String: AccuracyEstimateRecord] = [:]
        for record in try AccuracyEstimateRecord.filter(own).order(Column("id")).fetchAll(database) {
            newest[record.groupKey] = record
        }
        return newest.values.sorted { $0.groupKey < $1.groupKey }.map {
            RetrainObservation.GroupAccuracy(
                group: $0.groupKey, estimate: $0.estimate, low: $0.low, high: $0.high, labels: $0.labels,
                promise: $0.promised)
        }
    }

    // MARK: - Steps

    /// Goes one step.
    ///
    /// - Returns: where it leads; nil while there is something to wait for.
    private func step(
        from journey: RetrainJourney, _ document: RetrainDocument, _ policy: String
    ) async throws -> RetrainJourney? {
        switch journey {
        case .watching: return nil
        case .training(let since, let reason, nil): return try await train(since, reason, document, policy)
        case .training(_, _, let run?): return try await context.read { try Self.ending($0, run) }
        case .releasing(let run, let version): return try await release(run, version, document, policy)
        case .canary(let run, let version, let name):
            return try await canary(run, version, name, document, policy)
        case .approving(let run, let release):
            let now = context.now()
            let next = try await context.read { try Self.decision($0, run, release, at: now) }
            if next == .watching { try await abandon(release, run) }
            return next
        case .rollingOut(let run, let release):
            try await startRollout(run, release, document)
            return .watching
        }
    }

    private static func ending(_ database: Database, _ id: Int64) throws -> RetrainJourney? {
        guard let run = try TrainingRunRecord.fetchOne(database, key: id) else { return .watching }
        guard run.state.isFinal else { return nil }
        guard run.state == .succeeded, let number = run.number else { return .watching }
        return .releasing(run: id, version: VersionID(model: run.model, number: number))
    }

    private static func decision(
        _ database: Database, _ run: Int64, _ name: ReleaseName, at now: Instant
    ) throws -> RetrainJourney? {
        guard let release = try ReleaseRecord.fetchOne(database, key: name) else { return .watching }
        switch release.stage {
        case .approved, .released: return .rollingOut(run: run, release: name)
        case .retired: return .watching
        case .draft, .candidate: return release.expiresAt > now ? nil : .watching
        }
    }

    private func store(_ state: RetrainState, of policy: String, fired: [FiredTrigger] = []) async throws {
        let text = try state.document()
        let now = context.now()
        try await context.write { database, changes in
            guard var record = try PolicyRecord.fetchOne(database, key: policy) else { return }
            for trigger in fired {
                var entry = TriggerLogRecord(
                    policy: policy, trigger: trigger.kind.rawValue, fired: true, reason: trigger.reason,
                    createdAt: now)
                try entry.insert(database)
            }
            record.state = text
            try record.update(database)
            changes.append(ChangeEvent(.policy, policy))
        }
    }

    private func train(
        _ since: Instant, _ reason: String, _ document: RetrainDocument, _ policy: String
    ) async throws -> RetrainJourney {
        let model = ModelName(unchecked: document.model)
        let found = try await context.read { database in
            try TrainingRunRecord.filter(Column("policy") == policy && Column("createdAt") >= since)
                .order(Column("id")).fetchOne(database)?.id
        }
        if let found { return .training(since: since, reason: reason, run: found) }
        do {
            let (dataset, selector) = try await source(model, document)
            let version = try await datasets.cut(
                dataset, selector: selector, includeAnnotations: true, note: "policy \(policy): \(reason)",
                by: .controller)
            let run = try await training.start(
                TrainingRequest(
                    model: model, dataset: dataset, datasetVersion: version.number,
                    trainer: document.trainer ?? TrainingService.builtIn, parameters: try document.parameterText(),
                    seed: document.seed ?? 1, gates: try document.policy().gates, reason: reason, policy: policy),
                by: .controller)
            return .training(since: since, reason: reason, run: run.id)
        } catch let error as ControllerError {
            try await alert(policy, model, error)
            return .watching
        }
    }

    /// Where the frames come from: what the policy says, else what the champion was trained on.
    private func source(_ model: ModelName, _ document: RetrainDocument) async throws -> (String, Selector) {
        let cut = try await context.read { database -> DatasetVersionRecord? in
            guard let champion = try TrainingService.releasedVersion(database, of: model),
                let version = try? ModelService.version(database, champion), let dataset = version.dataset,
                let number = version.datasetVersion
            else { return nil }
            return try DatasetVersionRecord.filter(Column("dataset") == dataset && Column("number") == number)
                .fetchOne(database)
        }
        guard let dataset = document.dataset ?? cut?.dataset else {
            throw ControllerError(
                .invalid, "no released version of '\(model)' names its dataset", hint: "name one in the policy")
        }
        if let text = document.selector { return (dataset, try RetrainDocument.selector(text)) }
        return (dataset, cut?.selector ?? .all)
    }

    private func alert(_ policy: String, _ model: ModelName, _ error: ControllerError) async throws {
        let now = context.now()
        try await context.write { database, changes in
            try AlertBook.open(
                database,
                AlertCondition(
                    fingerprint: "training:\(model)", kind: .training, severity: .warning, subject: model.text,
                    title: "Policy \(policy) cannot start training", reason: error.message,
                    action: error.hint.isEmpty ? "Mend the policy." : error.hint), at: now, changes: &changes)
        }
    }
}
