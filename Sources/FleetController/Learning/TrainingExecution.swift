import FleetModel
import FleetStore
import Foundation
import GRDB
import Logging
import ONNXFormat
import RetrainCore
import Training

/// Works one training run off: job folder, trainer, comparison with the champion, registration.
struct TrainingExecution: Sendable {
    /// How often progress is stored, and how soon a cancelled run is noticed.
    static let flushInterval = Duration.milliseconds(250)
    /// Trainings of one job that the built-in trainer runs side by side.
    static let workers = max(1, min(ProcessInfo.processInfo.activeProcessorCount, 4))

    let context: ControllerContext
    let models: ModelService
    let datasets: DatasetService
    let run: TrainingRunRecord

    /// What the candidate is compared with.
    struct Champion: Sendable {
        var version: VersionID
        var onnx: [UInt8]
        var image: [UInt8]
        /// Its shape, classes and normalisation; nil for a version that was pushed without.
        var part: ReleasePart?
    }

    private var id: Int64 { run.id ?? 0 }
    private var folder: URL { context.configuration.dataFolder.appending(path: "jobs/\(id)") }

    /// Never throws: whatever goes wrong ends the run as failed, with the reason.
    func perform() async {
        do {
            try await work()
        } catch is CancellationError {
            context.logger.info("training run ended early", metadata: ["run": "\(id)"])
        } catch {
            await fail("\(error)")
        }
        try? FileManager.default.removeItem(at: folder)
    }

    private func work() async throws {
        // Killed after registering: the version names the run.
        if let number = try await registered() { return try await succeed(number, metrics: run.metrics) }
        let parameters = try RunParameters(document: run.parameters)
        let champion = try await champion()
        guard
            let dataset = try await context.read({ [run] in try DatasetRecord.fetchOne($0, key: run.dataset) })
        else { throw ControllerError.notFound("dataset", run.dataset) }
        let learning = try LearningSet(
            dataset, items: try await datasets.items(run.dataset, version: run.datasetVersion))
        let isAlike =
            champion?.part.map { $0.input == learning.set.input && $0.classes == learning.set.classes } ?? false
        let normalisation = (isAlike ? champion?.part?.normalisation : nil) ?? Normalisation(fitting: learning.set)
        let job = JobFolder(folder)
        try? FileManager.default.removeItem(at: folder)
        try job.write(
            model: run.model.text, set: learning.set,
            manifest: JobManifest(
                model: run.model.text, input: learning.set.input, classes: learning.set.classes,
                normalisation: normalisation, seed: parameters.seed),
            configuration: Array(parameters.configuration.utf8), champion: isAlike ? champion?.onnx : nil)
        try await train(job)
        let (onnx, metrics) = try job.readResults()
        guard metrics.predictions.count == learning.set.classes.count else {
            throw TrainingError(
                .badJob, "metrics.json counts \(metrics.predictions.count) classes, not \(learning.set.classes.count)")
        }
        let image = try await models.compiled(onnx)
        let material = try MaterialBuilder(
            learning: learning, normalisation: normalisation, metrics: metrics, seed: parameters.seed
        ).part(version: VersionID(model: run.model, number: 1), image: image.bytes)
        let evaluation = try CandidateComparison(
            learning: learning, normalisation: normalisation, groupTags: context.configuration.groupTags
        ).evaluation(candidate: image.bytes, champion: isAlike ? champion : nil, golden: material.golden)
        let decision = parameters.gates.gates.judge(evaluation)
        guard decision.isAccepted else {
            throw ControllerError(.invalid, "the candidate is refused: \(decision.reason)")
        }
        let summary = try RunSummary(metrics, evaluation, decision).document()
        let version = try await models.push(
            run.model, onnx: onnx,
            lineage: Lineage(
                description: run.reason, dataset: run.dataset, datasetVersion: run.datasetVersion, trainingRun: id,
                trainer: metrics.trainer, parameters: run.parameters, metrics: summary), material: material,
            waitingLimit: .max, by: .controller)
        try await succeed(version.number, metrics: summary)
    }

    // MARK: - Steps

    private func registered() async throws -> Int? {
        try await context.read { [id] database in
            try VersionRecord.filter(Column("trainingRun") == id).fetchOne(database)?.number
        }
    }

    private func champion() async throws -> Champion? {
        guard let model = run.championModel, let number = run.championNumber else { return nil }
        let version = VersionID(model: model, number: number)
        guard let image = try await context.read({ try ModelService.image($0, version) }) else {
            throw ControllerError.notFound("image of", version)
        }
        return Champion(
            version: version, onnx: try await models.onnx(version), image: try models.image(image.digest),
            part: try await models.material(version))
    }

    /// Runs the trainer, storing its progress as it comes; ends it when the run was cancelled meanwhile.
    private func train(_ job: JobFolder) async throws {
        let journal = RunJournal()
        let configuration = context.configuration
        let trainer = configuration.trainers[run.trainer].map {
            TrainerProcess(
                command: $0, passing: configuration.trainerEnvironment, grace: configuration.trainerGrace)
        }
        do { try await train(job, with: trainer, limit: configuration.trainingLimit, journal) } catch {
            // What a failed trainer said last is what people look for.
            try? await flush(journal)
            throw error
        }
        try await flush(journal)
    }

    private func train(
        _ job: JobFolder, with trainer: TrainerProcess?, limit: Interval, _ journal: RunJournal
    ) async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                if let trainer {
                    let status = try await trainer.run(job.url) { journal.take(line: $0) }
                    guard status == 0 else {
                        let end = journal.snapshot.log.suffix(400)
                        throw ControllerError(.unavailable, "the trainer ended with status \(status): \(end)")
                    }
                } else {
                    try await BuiltInTrainer.run(job, workers: Self.workers) { journal.take($0) }
                }
                return true
            }
            group.addTask {
                while true {
                    try await Task.sleep(for: Self.flushInterval)
                    try await flush(journal)
                }
            }
            group.addTask {
                try await Task.sleep(for: .milliseconds(limit.milliseconds))
                throw ControllerError(
                    .limitReached, "the trainer was stopped: it took longer than \(limit.milliseconds / 1000) s",
                    hint: "training.time_limit in the controller's configuration")
            }
            defer { group.cancelAll() }
            _ = try await group.next()
        }
    }

    /// - Throws: `CancellationError` if the run is no longer running.
    private func flush(_ journal: RunJournal) async throws {
        let (progress, log) = journal.snapshot
        let isRunning = try await context.write { [id] database, changes in
            guard var run = try TrainingRunRecord.fetchOne(database, key: id), run.state == .running else {
                return false
            }
            guard run.progress != progress || run.log != log else { return true }
            run.progress = progress
            run.log = log
            try run.update(database)
            changes.append(ChangeEvent(.training, id))
            return true
        }
        if !isRunning { throw CancellationError() }
    }

    // MARK: - Ends

    private var alertFingerprint: String { "training:\(run.model)" }

    private func succeed(_ number: Int, metrics: String) async throws {
        let now = context.now()
        try await context.write { [id, alertFingerprint] database, changes in
            guard var run = try TrainingRunRecord.fetchOne(database, key: id), run.state == .running else { return }
            run.state = .succeeded
            run.progress = 1
            run.metrics = metrics
            run.number = number
            run.endedAt = now
            try run.update(database)
            changes.append(ChangeEvent(.training, id))
            try AlertBook.close(database, fingerprint: alertFingerprint, at: now, changes: &changes)
        }
    }

    private func fail(_ reason: String) async {
        let now = context.now()
        do {
            try await context.write { [id, alertFingerprint] database, changes in
                guard var run = try TrainingRunRecord.fetchOne(database, key: id), run.state == .running else { return }
                run.state = .failed
                run.failure = String(reason.prefix(ControllerLimits.noteCharacters))
                run.endedAt = now
                try run.update(database)
                changes.append(ChangeEvent(.training, id))
                try AlertBook.open(
                    database,
                    AlertCondition(
                        fingerprint: alertFingerprint, kind: .training, severity: .warning, subject: run.model.text,
                        title: "Training of \(run.model) failed", reason: run.failure ?? "",
                        action: "Look at the log of training run \(id)."), at: now, changes: &changes)
            }
        } catch {
            context.logger.error("a failed training run cannot be stored", metadata: ["error": "\(error)"])
        }
    }
}
