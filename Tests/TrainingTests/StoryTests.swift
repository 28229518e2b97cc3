import FleetModel
import Foundation
import Sketches
import Testing

@testable import Training

/// Debug builds are too slow for real training.
#if DEBUG
    let isOptimised = false
#else
    let isOptimised = true
#endif

/// The figures that the demo promises, on the real recordings; run in release (`make test` runs both builds).
@Suite("the story on real recordings", .enabled(if: isOptimised))
struct StoryTests {
    static let data = Result { try WatchData() }

    /// Version 1 of a seed: trained on right arms of subjects 1 to 7.
    struct First {
        let data: WatchData
        let set: TrainingSet
        let normalisation: Normalisation
        let outcome: BuiltInTrainer.Outcome
        let scorer: Scorer

        init(seed: UInt64, folds: Int) async throws {
            data = try StoryTests.data.get()
            set = try data.set(original: data.indices(side: "R", subjects: 1...7), annotated: [], seed: seed)
            normalisation = Normalisation(fitting: set)
            var parameters = TrainerParameters()
            parameters.folds = folds
            outcome = try await BuiltInTrainer(
                set: set, normalisation: normalisation, parameters: parameters, seed: seed
            ).train(workers: 2)
            scorer = try #require(Scorer(outcome.model, set, parameters, normalisation))
        }

        func accuracy(_ scorer: Scorer, side: String) -> Double {
            let indices = data.indices(side: side, subjects: 8...10)
            let answers = scorer.probabilities(indices.map { data.frames[$0].values }).map(StoryTests.best)
            return Double(zip(answers, indices).count { $0 == data.frames[$1].classIndex }) / Double(indices.count)
        }
    }

    static func best(_ row: [Float]) -> Int { row.indices.max { row[$0] < row[$1] } ?? 0 }

    @Test("300 annotations cure the left arms, and the right arms keep what they had")
    func retraining() async throws {
        var falls: [Double] = []
        for seed in [1, 2, 3] as [UInt64] {
            let first = try await First(seed: seed, folds: 0)
            let left1 = first.accuracy(first.scorer, side: "L")
            let right1 = first.accuracy(first.scorer, side: "R")
            #expect(left1 < 0.45)
            let samples = Self.samples(of: first, seed: seed, limit: 240)
            let set = try first.data.set(
                original: first.data.indices(side: "R", subjects: 1...7), annotated: samples, seed: seed)
            var parameters = TrainerParameters()
            parameters.folds = 0
            let second = try await BuiltInTrainer(
                set: set, normalisation: first.normalisation, parameters: parameters, seed: seed,
                champion: first.outcome.model
            ).train()
            #expect(second.metrics.warmStart == true)
            let scorer = try #require(Scorer(second.model, set, parameters, first.normalisation))
            let left2 = first.accuracy(scorer, side: "L")
            let right2 = first.accuracy(scorer, side: "R")
            print("seed \(seed): left \(left1) → \(left2), right \(right1) → \(right2), \(samples.count) labels")
            #expect(left2 >= 0.70)
            falls.append(right1 - right2)
        }
        #expect(falls.reduce(0, +) / Double(falls.count) <= 0.05)
    }

    /// What devices would send of the left arms of subjects 1 to 7, with its probabilities.
    static func samples(of first: First, seed: UInt64, limit: Int) -> [(index: Int, probability: Float)] {
        var generator = SeededGenerator(seed: seed)
        let indices = first.data.indices(side: "L", subjects: 1...7).shuffled(using: &generator)
        let rows = first.scorer.probabilities(indices.map { first.data.frames[$0].values })
        var samples: [(index: Int, probability: Float)] = []
        for (index, row) in zip(indices, rows) {
            let sorted = row.sorted(by: >)
            let probability = min(0.2 + 0.1 * (1 - (sorted[0] - sorted[1])), 1)
            if generator.uniform() < probability { samples.append((index, probability)) }
        }
        return Array(samples.prefix(limit))
    }

    @Test("all ten left arms alert and no right arm of subjects 1 to 7 does", arguments: [1, 2, 3, 4, 5] as [UInt64])
    func drift(seed: UInt64) async throws {
        let first = try await First(seed: seed, folds: 7)
        let baseline = try BaselineBuilder(first.set, seed: seed).baseline(metrics: first.outcome.metrics)
        #expect((0.7...0.95).contains(first.outcome.metrics.promise))
        var generator = SeededGenerator(seed: seed)
        for subject in 1...10 {
            for side in ["L", "R"] {
                let verdicts = try Self.verdicts(first, baseline, subject, side, &generator)
                let scores = verdicts.map(\.score)
                #expect(
                    verdicts.allSatisfy { $0.outcome == (side == "L" ? .drifted : .normal) },
                    "s\(subject)\(side): \(scores.min() ?? 0) to \(scores.max() ?? 0)")
                #expect(verdicts.allSatisfy { $0.reasons.isEmpty == (side == "R") })
            }
        }
    }

    /// The verdicts over windows of 100 to 300 frames of a device's shuffled stream.
    static func verdicts(
        _ first: First, _ baseline: Baseline, _ subject: Int, _ side: String, _ generator: inout SeededGenerator
    ) throws -> [DriftVerdict] {
        let indices = first.data.indices(side: side, subjects: subject...subject)
        let stream =
            indices.shuffled(using: &generator) + indices.shuffled(using: &generator)
            + indices.shuffled(using: &generator)
        let answers = first.scorer.probabilities(stream.map { first.data.frames[$0].values }).map(best)
        var verdicts: [DriftVerdict] = []
        for length in [100, 200, 300] {
            for start in stride(from: 0, through: stream.count - length, by: 50) {
                var classes = [UInt64](repeating: 0, count: 7)
                var counts = baseline.features.map { BinCounts(edges: $0.edges) }
                for place in start..<start + length {
                    classes[answers[place]] += 1
                    for (index, value) in first.data.frames[stream[place]].values.enumerated() {
                        counts[index % 6].add(value, edges: baseline.features[index % 6].edges)
                    }
                }
                var metrics = try zip(baseline.features, counts).enumerated().map { index, pair in
                    DriftMetric(
                        subject: .feature(index), psi: try PSI.value(baseline: pair.0.counts, observed: pair.1),
                        threshold: Double(pair.0.driftThreshold))
                }
                metrics.append(
                    DriftMetric(
                        subject: .predictions,
                        psi: try PSI.value(baseline: baseline.predictions.counts, observed: classes),
                        threshold: Double(baseline.predictions.driftThreshold)))
                verdicts.append(
                    DriftVerdict(
                        metrics: metrics, inferences: UInt64(length),
                        minimumInferences: UInt64(baseline.minimumInferences)))
            }
        }
        return verdicts
    }
}
