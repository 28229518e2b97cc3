import FleetModel
import Foundation
import ONNXFormat
import Sketches

@testable import Training

/// Runs a model that the built-in trainer wrote, through the trainer's own network.
struct Scorer {
    let plan: NetworkPlan
    let weights: [Float]
    let normalisation: Normalisation
    let input: FrameDescription

    init?(_ model: ONNXModel, _ set: TrainingSet, _ parameters: TrainerParameters, _ normalisation: Normalisation) {
        guard
            let plan = try? NetworkPlan(frame: set.input, classes: set.classes.count, parameters: parameters),
            let weights = plan.weights(of: model)
        else { return nil }
        self.plan = plan
        self.weights = weights
        self.normalisation = normalisation
        input = set.input
    }

    /// Class probabilities of each raw frame.
    func probabilities(_ frames: [[Float]]) -> [[Float]] {
        let network = Network(plan, batch: 1, parameters: weights)
        var none: SeededGenerator?
        return frames.map { frame in
            network.forward(normalisation.applied(to: frame, of: input), frames: 1, dropout: &none)
            let scores = (0..<plan.classes).map { network.scores[$0] }
            let peak = scores.max() ?? 0
            let powers = scores.map { exp($0 - peak) }
            let sum = powers.reduce(0, +)
            return powers.map { $0 / sum }
        }
    }
}
