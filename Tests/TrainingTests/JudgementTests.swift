import FleetModel
import Sketches
import Testing

@testable import Training

@Suite("judging accuracy and drift")
struct JudgementTests {
    @Test("the interval holds the true accuracy in 95 of 100 groups", arguments: [0.3, 0.8, 0.98])
    func coverage(truth: Double) throws {
        var generator = SeededGenerator(seed: 11)
        var held = 0
        var sum = 0.0
        let rounds = 400
        for _ in 0..<rounds {
            var judged: [JudgedSample] = []
            while judged.count < 120 {
                // Frames that are right are chosen less often, as with margins.
                let isCorrect = Double(generator.uniform()) < truth
                let probability = isCorrect ? 0.12 : 0.28
                if Double(generator.uniform()) < probability {
                    judged.append(JudgedSample(isCorrect: isCorrect, probability: probability))
                }
            }
            let estimate = try #require(AccuracyEstimate(judged))
            sum += estimate.value
            if (estimate.low...estimate.high).contains(truth) { held += 1 }
        }
        #expect(abs(sum / Double(rounds) - truth) < 0.02)
        #expect(held > rounds * 90 / 100)
    }

    @Test("annotations drawn unequally by group are weighed by the groups' inferences, and the interval still holds")
    func strata() throws {
        var generator = SeededGenerator(seed: 12)
        // Two of ten frames come from the group that is asked for eight times out of ten.
        let parts: [(truth: Double, inferences: UInt64, labels: Int)] = [(0.3, 2000, 96), (0.9, 8000, 24)]
        let truth = 0.2 * 0.3 + 0.8 * 0.9
        var held = 0
        var sum = 0.0
        var pooled = 0.0
        let rounds = 400
        for _ in 0..<rounds {
            let strata = parts.map { part in
                JudgedStratum(
                    samples: (0..<part.labels).map { _ in
                        JudgedSample(isCorrect: generator.chance() < part.truth, probability: 0.5)
                    }, inferences: part.inferences)
            }
            let estimate = try #require(AccuracyEstimate(strata: strata))
            sum += estimate.value
            pooled += try #require(AccuracyEstimate(strata.flatMap(\.samples))).value
            if (estimate.low...estimate.high).contains(truth) { held += 1 }
        }
        #expect(abs(sum / Double(rounds) - truth) < 0.01)
        #expect(abs(pooled / Double(rounds) - truth) > 0.3, "without weights the estimate would be far off")
        #expect(held > rounds * 90 / 100)
    }

    @Test("a stratum without samples or inferences is left out; one alone is the plain estimate")
    func oneStratum() throws {
        let samples = [true, true, false].map { JudgedSample(isCorrect: $0, probability: 0.25) }
        let plain = try #require(AccuracyEstimate(samples))
        #expect(abs(plain.value - 2.0 / 3) < 1e-12)
        let strata = [
            JudgedStratum(samples: samples, inferences: 7), JudgedStratum(inferences: 1000),
            JudgedStratum(samples: [JudgedSample(isCorrect: false, probability: 1)], inferences: 0),
        ]
        #expect(AccuracyEstimate(strata: strata) == plain)
        #expect(AccuracyEstimate(strata: Array(strata.dropFirst())) == nil)
    }

    @Test("nothing is estimated from nothing, and a promise is not broken by few samples")
    func bounds() throws {
        #expect(AccuracyEstimate([]) == nil)
        #expect(AccuracyEstimate([JudgedSample(isCorrect: true, probability: 0)]) == nil)
        let wrong = Array(repeating: JudgedSample(isCorrect: false, probability: 0.5), count: 29)
        #expect(try #require(AccuracyEstimate(wrong)).breaks(promise: 0.8) == false)
        #expect(try #require(AccuracyEstimate(wrong + wrong)).breaks(promise: 0.8))
    }

    @Test("weights undo the choice within bounds")
    func weights() {
        let weights = SampleWeights.weights(probabilities: [0.1, 0.2, 1, 1e-9], emphasis: 2)
        #expect(abs(weights[3] - 8) < 0.001)
        #expect(weights[2] == 0.5)
        #expect(SampleWeights.weights(probabilities: []).isEmpty)
    }

    @Test("a frame keeps its split, and the shares are as asked")
    func splits() {
        var counts: [Split: Int] = [:]
        for index in 0..<5000 {
            var generator = SeededGenerator(seed: UInt64(index))
            guard let content = Digest((0..<32).map { _ in UInt8(truncatingIfNeeded: generator.next()) }) else {
                continue
            }
            let split = Split(content: content, seed: 3)
            #expect(split == Split(content: content, seed: 3))
            counts[split, default: 0] += 1
        }
        #expect((420...580).contains(counts[.validation] ?? 0))
        #expect((420...580).contains(counts[.heldBack] ?? 0))
    }

    @Test("edges are quantiles, equal ones once, constant channels without a bin of nothing")
    func edges() {
        #expect(Quantiles.edges(of: (0...100).map { Float($0) }, bins: 4, limit: 1000) == [0, 25, 50, 75, 100])
        #expect(Quantiles.edges(of: [0, 0, 0, 0, 1, 2], bins: 4, limit: 1000).first == 0)
        let tied = Quantiles.edges(of: [0, 0, 0, 0, 1, 2], bins: 4, limit: 1000)
        #expect(zip(tied, tied.dropFirst()).allSatisfy(<))
        #expect(Quantiles.edges(of: [3, 3], bins: 4, limit: 10) == [3, Float(3).nextUp])
    }

    @Test("thresholds grow with how much devices differ; without folds the predictions have none")
    func thresholds() async throws {
        let input = FrameDescription(kind: .table, steps: 1, width: 1, channels: [Channel(name: "x", unit: "")])
        func threshold(spread: Float) throws -> Baseline {
            var set = TrainingSet(input: input, classes: ["a", "b"])
            var generator = SeededGenerator(seed: 2)
            for device in 0..<5 {
                for _ in 0..<150 {
                    let value = generator.uniform() + spread * Float(device)
                    try set.append(TrainingFrame(classIndex: 0, group: "d\(device)"), values: [value])
                }
            }
            return try BaselineBuilder(set, seed: 1).baseline(
                metrics: TrainingMetrics(trainer: "t", predictions: [700, 50]))
        }
        let alike = try threshold(spread: 0)
        let different = try threshold(spread: 0.4)
        #expect(different.features[0].driftThreshold > 2 * alike.features[0].driftThreshold)
        #expect(alike.predictions.driftThreshold == .infinity)
        #expect(alike.features[0].counts.reduce(0, +) == 750)
        #expect(alike.features[0].edges.count == 11)
    }
}
