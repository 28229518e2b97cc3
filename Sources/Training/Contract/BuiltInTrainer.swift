public import FleetModel
public import ONNXFormat

/// The trainer that comes with Martlet: a perceptron or a convolutional network for frames of any kind. It is one
/// executable of the trainer contract (`martlet train`), and a library call in tests.
public struct BuiltInTrainer: Sendable {
    /// Goes into metrics and models.
    public static let version = "1.0.0"
    public static let name = "martlet-builtin"

    /// A trained model.
    public struct Outcome: Sendable {
        public var model: ONNXModel
        public var metrics: TrainingMetrics
    }

    private let set: TrainingSet
    private let normalisation: Normalisation
    private let parameters: TrainerParameters
    private let seed: UInt64
    private let champion: ONNXModel?

    public init(
        set: TrainingSet, normalisation: Normalisation, parameters: TrainerParameters, seed: UInt64,
        champion: ONNXModel? = nil
    ) {
        self.set = set
        self.normalisation = normalisation
        self.parameters = parameters
        self.seed = seed
        self.champion = champion
    }

    /// Does a job and leaves its results in the folder.
    ///
    /// - Parameters:
    ///   - workers: trainings that run side by side, at least 1.
    ///   - report: called for each line of progress, from any thread.
    @discardableResult
    public static func run(
        _ folder: JobFolder, workers: Int, report: @escaping @Sendable (TrainingProgress) -> Void
    ) async throws -> TrainingMetrics {
        let manifest = try folder.readManifest()
        let trainer = BuiltInTrainer(
            set: try folder.readSet(manifest), normalisation: manifest.normalisation,
            parameters: try folder.readParameters(), seed: manifest.seed, champion: try folder.readChampion(manifest))
        let outcome = try await trainer.train(workers: workers, report: report)
        try folder.write(model: outcome.model.serialized(), metrics: outcome.metrics)
        return outcome.metrics
    }

    /// Trains the model, and one model more for each set of groups that is left out.
    ///
    /// - Throws: `TrainingError`.
    public func train(
        workers: Int = 1, report: @escaping @Sendable (TrainingProgress) -> Void = { _ in }
    ) async throws -> Outcome {
        let clock = ContinuousClock()
        let start = clock.now
        try parameters.check()
        let plan = try NetworkPlan(frame: set.input, classes: set.classes.count, parameters: parameters)
        let training = set.indices(of: .training)
        guard !training.isEmpty else {
            throw TrainingError(.tooLittleData, "no frame is in the training split: add data to the dataset")
        }
        let initial = parameters.warmStart ? champion.flatMap(plan.weights(of:)) : nil
        report(TrainingProgress(event: .started, progress: 0, message: "\(set.frames.count) frames"))
        let leftOut = leftOutGroups()
        let task = TrainingTask(
            plan: plan, parameters: parameters, seed: seed, set: set, normalised: normalised(), initial: initial)
        let (main, folds) = try await task.run(leftOut: leftOut, workers: max(workers, 1), report: report)
        let weights = main.outcome.weights
        var metrics = TrainingMetrics(
            trainer: "\(Self.name) \(Self.version)", predictions: main.fitted, accuracy: main.accuracy, folds: folds)
        metrics.epochs = main.outcome.epochs
        metrics.bestEpoch = main.outcome.bestEpoch
        metrics.validationLoss = main.outcome.validationLoss
        metrics.warmStart = initial != nil
        metrics.parameterCount = plan.parameterCount
        let spent = start.duration(to: clock.now).components
        metrics.seconds = Double(spent.seconds) + Double(spent.attoseconds) * 1e-18
        report(TrainingProgress(event: .finished, progress: 1, validationLoss: main.outcome.validationLoss))
        let model = plan.model(weights: weights, steps: set.input.steps, width: set.input.width)
        return Outcome(model: model, metrics: metrics)
    }

    /// The groups in at most `folds` parts, dealt out in turn; none if there are fewer than two groups.
    private func leftOutGroups() -> [Set<String>] {
        let groups = set.groups
        let count = min(parameters.folds, groups.count)
        guard count >= 2 else { return [] }
        return (0..<count).map { part in
            Set(groups.enumerated().filter { $0.offset % count == part }.map(\.element))
        }
    }

    private func normalised() -> [Float] {
        let width = set.input.valueCount
        let channels = (0..<width).map { set.input.channel(ofValue: $0) }
        let offset = channels.map { normalisation.offset[$0] }
        let factor = channels.map { 1 / normalisation.scale[$0] }
        var values = set.values
        for start in stride(from: 0, to: values.count, by: width) {
            for index in 0..<width { values[start + index] = (values[start + index] - offset[index]) * factor[index] }
        }
        return values
    }
}
