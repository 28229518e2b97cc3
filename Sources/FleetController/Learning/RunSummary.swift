import Foundation
import RetrainCore
import Training

/// What is kept of a run's metrics: without the single predictions of the models that left groups out.
struct RunSummary: Codable {
    var trainer: String
    var accuracy: [String: Double]
    /// Accuracy on the held-back part.
    var heldBackAccuracy: Double?
    /// Accuracy on groups that training left out: what a release promises.
    var promisedAccuracy: Double
    /// The same for each group.
    var groups: [String: Double]
    var epochs: Int?
    var bestEpoch: Int?
    var validationLoss: Double?
    var warmStart: Bool?
    var parameterCount: Int?
    var seconds: Double?
    /// Candidate and champion on the held-back part, by group; `*` is all of it.
    var comparison: [String: Comparison]
    /// What the gates found.
    var gates: [String]

    struct Comparison: Codable {
        var rows: Int
        var candidate: Double
        var champion: Double?
    }

    init(_ metrics: TrainingMetrics, _ evaluation: CandidateEvaluation, _ decision: GateDecision) {
        trainer = metrics.trainer
        accuracy = metrics.accuracy
        heldBackAccuracy = metrics.accuracy[Split.heldBack.rawValue]
        promisedAccuracy = metrics.promise
        groups = Dictionary(
            metrics.folds.flatMap(\.groups).filter { !$0.predictions.isEmpty }.map {
                ($0.name, Double($0.correct) / Double($0.predictions.count))
            }, uniquingKeysWith: { first, _ in first })
        epochs = metrics.epochs
        bestEpoch = metrics.bestEpoch
        validationLoss = metrics.validationLoss
        warmStart = metrics.warmStart
        parameterCount = metrics.parameterCount
        seconds = metrics.seconds
        comparison = evaluation.groups.merging(["*": evaluation.overall]) { own, _ in own }.mapValues {
            Comparison(rows: $0.rows, candidate: $0.candidate, champion: $0.champion)
        }
        gates = decision.findings.map(\.text)
    }

    func document() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
