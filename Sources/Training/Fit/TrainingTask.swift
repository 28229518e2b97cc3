import Sketches

/// One job's trainings: the model itself and those that leave groups out, side by side.
struct TrainingTask: Sendable {
    let plan: NetworkPlan
    let parameters: TrainerParameters
    let seed: UInt64
    let set: TrainingSet
    let normalised: [Float]
    let initial: [Float]?

    /// The model itself.
    struct Main: Sendable {
        var outcome: Fit.Outcome
        var fitted: [UInt64]
        var accuracy: [String: Double]
    }

    private enum Piece: Sendable {
        case main(Main)
        case fold(Int, TrainingMetrics.Fold)
    }

    func run(
        leftOut: [Set<String>], workers: Int, report: @escaping @Sendable (TrainingProgress) -> Void
    ) async throws -> (Main, [TrainingMetrics.Fold]) {
        let share = 1 / Double(leftOut.count + 1)
        return try await withThrowingTaskGroup(of: Piece.self) { group in
            var main: Main?
            var folds: [Int: TrainingMetrics.Fold] = [:]
            group.addTask { .main(try trainMain(share: share, report: report)) }
            var next = 0
            func addFold() {
                guard next < leftOut.count else { return }
                let number = next
                group.addTask { .fold(number, try trainFold(number, without: leftOut[number])) }
                next += 1
            }
            for _ in 1..<max(workers, 1) { addFold() }
            while let piece = try await group.next() {
                switch piece {
                case .main(let result): main = result
                case .fold(let number, let fold):
                    folds[number] = fold
                    report(
                        TrainingProgress(
                            event: .fold, progress: share * Double(folds.count + (main == nil ? 0 : 1)),
                            epoch: folds.count, epochs: leftOut.count,
                            message: "left out \(fold.groups.map(\.name).joined(separator: ", "))"))
                }
                addFold()
            }
            guard let main else { throw TrainingError(.tooLittleData, "the model was not trained") }
            return (main, leftOut.indices.compactMap { folds[$0] })
        }
    }

    private func fit(fitted: [Int], seed: UInt64) -> Fit {
        Fit(
            plan: plan, parameters: parameters, seed: seed,
            data: PreparedFrames(
                set, normalised: normalised, fitted: fitted, balanced: parameters.classWeights))
    }

    private func trainMain(
        share: Double, report: (TrainingProgress) -> Void
    ) throws(TrainingError) -> Main {
        let training = set.indices(of: .training)
        let fit = fit(fitted: training, seed: seed)
        let outcome = try fit.run(
            training: training, validation: set.indices(of: .validation), initial: initial
        ) { epoch in
            report(
                TrainingProgress(
                    event: .epoch, progress: share * Double(epoch.epoch) / Double(epoch.epochs), epoch: epoch.epoch,
                    epochs: epoch.epochs, trainingLoss: epoch.trainingLoss, validationLoss: epoch.validationLoss,
                    validationAccuracy: epoch.validationAccuracy))
        }
        var accuracy: [String: Double] = [:]
        for split in Split.allCases {
            let rows = set.indices(of: split)
            guard !rows.isEmpty else { continue }
            let correct = correct(fit.predictions(outcome.weights, rows: rows), rows)
            accuracy[split.rawValue] = Double(correct) / Double(rows.count)
        }
        let all = Array(set.frames.indices)
        return Main(outcome: outcome, fitted: counts(fit.predictions(outcome.weights, rows: all)), accuracy: accuracy)
    }

    /// A model that never saw `groups`. It starts afresh: the champion's weights may come from those very groups.
    private func trainFold(_ number: Int, without groups: Set<String>) throws(TrainingError) -> TrainingMetrics.Fold {
        func rows(_ split: Split) -> [Int] {
            set.indices(of: split).filter { !groups.contains(set.frames[$0].group) }
        }
        let training = rows(.training)
        let fit = fit(fitted: training, seed: SeededGenerator.derive(seed, UInt64(100 + number)))
        let outcome = try fit.run(training: training, validation: rows(.validation), initial: nil) { _ in }
        let fitted = training + rows(.validation)
        return TrainingMetrics.Fold(
            fitted: counts(fit.predictions(outcome.weights, rows: fitted)),
            groups: groups.sorted().map { name in
                let rows = set.frames.indices.filter { set.frames[$0].group == name }
                let predictions = fit.predictions(outcome.weights, rows: rows)
                return TrainingMetrics.Group(
                    name: name, predictions: predictions, correct: correct(predictions, rows))
            })
    }

    private func counts(_ predictions: [Int]) -> [UInt64] {
        var counts = [UInt64](repeating: 0, count: set.classes.count)
        for prediction in predictions { counts[prediction] += 1 }
        return counts
    }

    private func correct(_ predictions: [Int], _ rows: [Int]) -> Int {
        zip(predictions, rows).count { $0 == set.frames[$1].classIndex }
    }
}
