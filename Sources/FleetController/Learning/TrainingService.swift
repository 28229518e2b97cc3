import FleetModel
public import FleetStore
import Foundation
import GRDB
import Logging
import RetrainCore
import Training

/// Training runs: asking for them, and working them off one after the other.
///
/// A run is a row before anything starts, so a controller that was killed takes it up again at its next start; the
/// version that comes of a run names the run, so nothing is registered twice.
public struct TrainingService: Sendable {
    /// The name of the trainer that is always there.
    public static let builtIn = "builtin"
    /// Runs that may wait.
    static let queueLimit = 64
    /// How often the queue is looked at.
    static let pollInterval = Duration.milliseconds(250)
    /// The longest configuration of a trainer, in bytes.
    static let configurationBytes = 64 << 10

    let context: ControllerContext
    let models: ModelService
    let datasets: DatasetService

    /// Queues a run.
    public func start(_ request: TrainingRequest, by caller: Identity) async throws -> TrainingRunRecord {
        try check(request)
        let parameters = try RunParameters(request).document()
        return try await context.perform(
            Command("training.start", by: caller, role: .operator, subject: request.model, reason: request.reason)
        ) { database, scope in
            let version = DatasetVersionRecord.filter(
                Column("dataset") == request.dataset && Column("number") == request.datasetVersion)
            guard try version.fetchCount(database) == 1 else {
                throw ControllerError.notFound("dataset version", "\(request.dataset):\(request.datasetVersion)")
            }
            let open = try TrainingRunRecord.filter(
                [TrainingState.queued, .running].contains(Column("state"))
            ).fetchCount(database)
            guard open < Self.queueLimit else {
                throw ControllerError(.limitReached, "\(open) training runs are waiting, at most \(Self.queueLimit)")
            }
            let champion = try request.champion ?? Self.releasedVersion(database, of: request.model)
            if let champion { _ = try ModelService.version(database, champion) }
            var run = TrainingRunRecord(
                model: request.model, dataset: request.dataset, datasetVersion: request.datasetVersion,
                trainer: request.trainer, parameters: parameters, state: .queued, reason: request.reason,
                policy: request.policy, championModel: champion?.model, championNumber: champion?.number,
                createdAt: scope.now, createdBy: caller.name)
            try run.insert(database)
            scope.detail = [
                "run": "\(run.id ?? 0)", "dataset": "\(request.dataset):\(request.datasetVersion)",
                "trainer": request.trainer,
            ]
            scope.changes = [ChangeEvent(.training, run.id ?? 0)]
            return run
        }
    }

    /// Ends a run that is not over; a trainer that works on it is told to stop.
    public func cancel(_ id: Int64, reason: String = "", by caller: Identity) async throws -> TrainingRunRecord {
        try await context.perform(
            Command("training.cancel", by: caller, role: .operator, subject: id, reason: reason)
        ) { database, scope in
            guard var run = try TrainingRunRecord.fetchOne(database, key: id) else {
                throw ControllerError.notFound("training run", id)
            }
            guard !run.state.isFinal else {
                throw ControllerError(.wrongState, "training run \(id) is \(run.state.rawValue)")
            }
            run.state = .cancelled
            run.endedAt = scope.now
            run.failure = reason.isEmpty ? "cancelled by \(caller.name)" : reason
            try run.update(database)
            scope.changes = [ChangeEvent(.training, id)]
            return run
        }
    }

    /// One run.
    public func get(_ id: Int64) async throws -> TrainingRunRecord {
        guard let run = try await context.read({ try TrainingRunRecord.fetchOne($0, key: id) }) else {
            throw ControllerError.notFound("training run", id)
        }
        return run
    }

    /// Works until the task is cancelled.
    func run() async {
        await requeue()
        while !Task.isCancelled {
            do {
                if let run = try await next() {
                    await TrainingExecution(context: context, models: models, datasets: datasets, run: run).perform()
                    continue
                }
            } catch {
                context.logger.error("the training queue cannot be read", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: Self.pollInterval)
        }
    }

    /// What ran when the controller ended runs again from its beginning.
    private func requeue() async {
        do {
            try await context.write { database, _ in
                _ = try TrainingRunRecord.filter(Column("state") == TrainingState.running)
                    .updateAll(database, Column("state").set(to: TrainingState.queued))
            }
        } catch {
            context.logger.error("training runs cannot be taken up again", metadata: ["error": "\(error)"])
        }
    }

    private func next() async throws -> TrainingRunRecord? {
        let now = context.now()
        return try await context.write { database, changes in
            guard
                var run = try TrainingRunRecord.filter(Column("state") == TrainingState.queued).order(Column("id"))
                    .fetchOne(database)
            else { return nil }
            run.state = .running
            run.startedAt = now
            run.progress = 0
            run.log = ""
            try run.update(database)
            changes.append(ChangeEvent(.training, run.id ?? 0))
            return run
        }
    }

    private func check(_ request: TrainingRequest) throws {
        guard request.trainer == Self.builtIn || context.configuration.trainers[request.trainer] != nil else {
            let known = Set([Self.builtIn] + context.configuration.trainers.keys).sorted()
            throw ControllerError(
                .invalid, "'\(request.trainer.prefix(80))' is no trainer",
                hint: "the configuration has \(known.joined(separator: ", "))")
        }
        guard request.parameters.utf8.count <= Self.configurationBytes else {
            throw ControllerError(.limitReached, "parameters have at most \(Self.configurationBytes) bytes")
        }
        guard (try? JSONSerialization.jsonObject(with: Data(request.parameters.utf8))) is [String: Any] else {
            throw ControllerError(.invalid, "parameters must be a JSON object")
        }
        guard request.trainer == Self.builtIn else { return }
        do { _ = try JobFolder.parameters(Array(request.parameters.utf8)) } catch {
            throw ControllerError(.invalid, error.message)
        }
    }

    /// The newest version of a model that a release carries which people signed and that is in use.
    static func releasedVersion(_ database: Database, of model: ModelName) throws -> VersionID? {
        let number = try Int.fetchOne(
            database,
            sql: """
                SELECT part.number FROM release_part AS part JOIN release ON release.name = part.release
                WHERE part.model = ? AND release.stage = ? AND release.automationKey IS NULL
                ORDER BY release.counter DESC LIMIT 1
                """, arguments: [model, ReleaseStage.released])
        return number.map { VersionID(model: model, number: $0) }
    }
}

/// What a run remembers of its request, as the JSON object in its row.
struct RunParameters: Codable {
    var seed: UInt64
    var gates: GatesDocument
    /// The trainer's own configuration, JSON as text.
    var configuration: String

    init(_ request: TrainingRequest) {
        seed = request.seed
        gates = GatesDocument(request.gates)
        configuration = request.parameters
    }

    init(document: String) throws {
        self = try JSONDecoder().decode(RunParameters.self, from: Data(document.utf8))
    }

    func document() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
