import FleetModel
import Foundation
import Sketches

/// What one epoch came to.
public struct EpochProgress: Hashable, Sendable {
    /// From 1.
    public var epoch: Int
    public var epochs: Int
    /// Mean weighted loss over the training split, with smoothing.
    public var trainingLoss: Double
    /// Mean weighted loss over the validation split, without.
    public var validationLoss: Double
    public var validationAccuracy: Double
}

/// Frames as the trainer works on them: normalised, with weights that include those of the classes.
struct PreparedFrames: Sendable {
    let width: Int
    let classes: Int
    var values: [Float]
    var targets: [Int]
    var weights: [Float]

    /// - Parameter balanced: whether classes count alike. The weight of a class is total / (classes × its own), both
    ///   summed over `fitted`.
    init(_ set: TrainingSet, normalised: [Float], fitted: [Int], balanced: Bool) {
        width = set.input.valueCount
        classes = set.classes.count
        values = normalised
        targets = set.frames.map(\.classIndex)
        weights = set.frames.map(\.weight)
        guard balanced else { return }
        var sums = [Float](repeating: 0, count: classes)
        for index in fitted { sums[targets[index]] += weights[index] }
        let total = sums.reduce(0, +)
        let present = Float(sums.count { $0 > 0 })
        for index in weights.indices where sums[targets[index]] > 0 {
            weights[index] *= total / (present * sums[targets[index]])
        }
    }
}

/// One training: weights fitted to some rows, stopped by others.
struct Fit {
    let plan: NetworkPlan
    let parameters: TrainerParameters
    let seed: UInt64
    let data: PreparedFrames

    struct Outcome: Sendable {
        var weights: [Float]
        var bestEpoch: Int
        var epochs: Int
        var validationLoss: Double
    }

    /// - Parameters:
    ///   - training: rows that are fitted.
    ///   - validation: rows that say when to stop; the training rows if there are none.
    ///   - initial: weights to start from; fresh ones from the seed if nil.
    ///   - report: called after each epoch.
    /// - Throws: `tooLittleData`, `diverged`.
    func run(
        training: [Int], validation: [Int], initial: [Float]?, report: (EpochProgress) -> Void
    ) throws(TrainingError) -> Outcome {
        guard !training.isEmpty else { throw TrainingError(.tooLittleData, "there is no frame to fit") }
        let network = Network(
            plan, batch: parameters.batch, parameters: initial ?? plan.initialParameters(seed: seed))
        let optimiser = Optimiser(network, parameters)
        let judge = Network(plan, batch: parameters.batch, parameters: [])
        let judged = validation.isEmpty ? training : validation
        var generator = SeededGenerator(seed: SeededGenerator.derive(seed, 1))
        var order = training
        var best = Outcome(weights: optimiser.average.array, bestEpoch: 0, epochs: 0, validationLoss: .infinity)
        for epoch in 0..<parameters.epochs {
            order.shuffle(using: &generator)
            let loss = pass(network, optimiser, order, epoch, &generator)
            judge.parameters.base.update(from: optimiser.average.base, count: plan.parameterCount)
            let (validationLoss, accuracy) = evaluate(judge, judged)
            guard loss.isFinite, validationLoss.isFinite else {
                throw TrainingError(
                    .diverged, "the loss is not a number after epoch \(epoch + 1): lower learningRate and try again")
            }
            report(
                EpochProgress(
                    epoch: epoch + 1, epochs: parameters.epochs, trainingLoss: loss, validationLoss: validationLoss,
                    validationAccuracy: accuracy))
            best.epochs = epoch + 1
            if validationLoss < best.validationLoss {
                best.validationLoss = validationLoss
                best.weights = optimiser.average.array
                best.bestEpoch = epoch + 1
            } else if epoch + 1 - best.bestEpoch >= parameters.patience {
                break
            }
        }
        return best
    }

    /// One pass over `order`; the mean loss.
    private func pass(
        _ network: Network, _ optimiser: Optimiser, _ order: [Int], _ epoch: Int, _ generator: inout SeededGenerator
    ) -> Double {
        let steps = (order.count + parameters.batch - 1) / parameters.batch
        var dropout: SeededGenerator? = SeededGenerator(seed: generator.next())
        var batch = Batch(data, capacity: parameters.batch)
        var loss = 0.0
        var weight = 0.0
        for step in 0..<steps {
            batch.fill(order[step * parameters.batch..<min((step + 1) * parameters.batch, order.count)], from: data)
            network.forward(batch.values, frames: batch.count, dropout: &dropout)
            let result = CrossEntropy.evaluate(
                scores: network.scores, targets: batch.targets, weights: batch.weights, classes: data.classes,
                smoothing: parameters.labelSmoothing, errors: network.scoreErrors)
            network.backward(batch.values, frames: batch.count)
            let progress = Float(epoch * steps + step) / Float(parameters.epochs * steps)
            optimiser.update(network, learningRate: parameters.learningRate * 0.5 * (1 + cos(.pi * progress)))
            loss += result.loss
            weight += result.weight
        }
        return loss / weight
    }

    private func evaluate(_ network: Network, _ rows: [Int]) -> (loss: Double, accuracy: Double) {
        var loss = 0.0
        var weight = 0.0
        var correct = 0
        forEachBatch(network, rows) { batch, _ in
            let result = CrossEntropy.evaluate(
                scores: network.scores, targets: batch.targets, weights: batch.weights, classes: data.classes,
                smoothing: 0, errors: nil)
            loss += result.loss
            weight += result.weight
            correct += result.correct
        }
        return (loss / weight, Double(correct) / Double(rows.count))
    }

    /// The class that `weights` predict for each of `rows`.
    func predictions(_ weights: [Float], rows: [Int]) -> [Int] {
        let network = Network(plan, batch: parameters.batch, parameters: weights)
        var classes: [Int] = []
        forEachBatch(network, rows) { _, frames in
            for frame in 0..<frames {
                classes.append(CrossEntropy.highest(network.scores + frame * data.classes, data.classes))
            }
        }
        return classes
    }

    private func forEachBatch(_ network: Network, _ rows: [Int], _ body: (borrowing Batch, Int) -> Void) {
        var batch = Batch(data, capacity: parameters.batch)
        var none: SeededGenerator?
        for start in stride(from: 0, to: rows.count, by: parameters.batch) {
            batch.fill(rows[start..<min(start + parameters.batch, rows.count)], from: data)
            network.forward(batch.values, frames: batch.count, dropout: &none)
            body(batch, batch.count)
        }
    }
}

/// The frames of one step, side by side.
struct Batch: ~Copyable {
    private let buffer: FloatBuffer
    private(set) var targets: [Int] = []
    private(set) var weights: [Float] = []

    init(_ data: PreparedFrames, capacity: Int) {
        buffer = FloatBuffer(count: capacity * data.width)
    }

    var count: Int { targets.count }
    var values: UnsafePointer<Float> { UnsafePointer(buffer.base) }

    mutating func fill(_ rows: ArraySlice<Int>, from data: PreparedFrames) {
        targets.removeAll(keepingCapacity: true)
        weights.removeAll(keepingCapacity: true)
        data.values.withUnsafeBufferPointer { source in
            guard let start = source.baseAddress else { return }
            for (place, row) in rows.enumerated() {
                (buffer.base + place * data.width).update(from: start + row * data.width, count: data.width)
                targets.append(data.targets[row])
                weights.append(data.weights[row])
            }
        }
    }
}
