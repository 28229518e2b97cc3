import DeviceCore
import FleetModel
import FleetWire
import Sketches
import Testing

@Suite("Judging scores")
struct JudgementTests {
    @Test("the highest score wins, the first of equals, and the margin is what it leads by")
    func top() throws {
        let judgement = try #require(Judgement(scores: [0.2, 0.5, 0.3]))
        #expect(judgement.classIndex == 1)
        #expect(judgement.confidence == 0.5)
        #expect(abs(judgement.margin - 0.2) < 1e-6)
        #expect(Judgement(scores: [0.5, 0.5])?.classIndex == 0)
        #expect(Judgement(scores: [0.5, 0.5])?.margin == 0)
        #expect(Judgement(scores: [0.7])?.margin == 1)
    }

    @Test("no scores, or scores that are not numbers, are no judgement")
    func none() {
        #expect(Judgement(scores: [Float]()) == nil)
        #expect(Judgement(scores: [0.5, .nan]) == nil)
        #expect(Judgement(scores: [.infinity, 0]) == nil)
    }
}

@Suite("Sampling")
struct SamplerTests {
    private static let start = Instant(milliseconds: 1_000_000)

    private static func sampler(
        floor: Float = 0.1, slope: Float = 0.4, perDay: Int = 0, burst: Int = 1_000_000
    ) -> Sampler {
        let policy = SamplingPolicy(floor: floor, slope: slope, bytesPerDay: perDay, burstBytes: burst)
        return Sampler(policy: policy, at: start)
    }

    @Test("the probability rises as the margin falls, from the floor to floor plus slope, and never above one")
    func probability() {
        var sampler = Self.sampler()
        func decide(_ margin: Float, _ uniform: Double) -> SampleDecision {
            sampler.decide(margin: margin, cost: 1, spoolHasRoom: true, uniform: uniform, at: Self.start)
        }
        #expect(decide(1, 0.0999) == .chosen(probability: 0.1))
        #expect(decide(1, 0.1001) == .passed)
        #expect(decide(0, 0.4999) == .chosen(probability: 0.5))
        #expect(decide(0, 0.5001) == .passed)
        var eager = Self.sampler(floor: 0.9, slope: 1)
        #expect(
            eager.decide(margin: 0, cost: 1, spoolHasRoom: true, uniform: 0.999_999, at: Self.start)
                == .chosen(probability: 1))
    }

    @Test("a device that is held out samples nothing and counts nothing")
    func heldOut() {
        var sampler = Sampler(policy: SamplingPolicy(enabled: false, floor: 1), at: Self.start)
        #expect(
            sampler.decide(margin: 0, cost: 1, spoolHasRoom: true, uniform: 0, at: Self.start) == .disabled)
    }

    @Test("a full spool takes the frame out of the draw")
    func spoolFull() {
        var sampler = Self.sampler(floor: 1)
        #expect(
            sampler.decide(margin: 0, cost: 1, spoolHasRoom: false, uniform: 0, at: Self.start) == .notOffered)
    }

    @Test("in the reserve the probability falls with the level, and the one that is sent is the one that was used")
    func reserve() {
        var sampler = Self.sampler(floor: 1, slope: 0, burst: 1000)
        var probabilities: [Float] = []
        for _ in 0..<1000 {
            let decision = sampler.decide(margin: 1, cost: 10, spoolHasRoom: true, uniform: 0, at: Self.start)
            if case .chosen(let probability) = decision { probabilities.append(probability) }
        }
        #expect(probabilities.count == 99)
        #expect(probabilities.prefix(50).allSatisfy { $0 == 1 })
        #expect(zip(probabilities, probabilities.dropFirst()).allSatisfy { $0 >= $1 })
        #expect(probabilities.last.map { $0 >= Sampler.leastProbability } == true)
        #expect(sampler.bucket.level < 20)
    }

    @Test("the estimate by 1/p stays unbiased although the budget runs low half-way")
    func unbiased() {
        // Frames 0..<2000: the first half is right with 0.9, the second with 0.5. A budget that just ended after the
        // first half would say 0.9.
        var sum = 0.0
        let runs = 400
        for run in 0..<runs {
            var random = SeededGenerator(seed: UInt64(run))
            var sampler = Self.sampler(floor: 0.2, slope: 0.3, burst: 4000)
            var weighted = 0.0
            for frame in 0..<2000 {
                let isRight = random.chance() < (frame < 1000 ? 0.9 : 0.5)
                let margin = Float(isRight ? 0.5 + 0.5 * random.chance() : random.chance())
                let decision = sampler.decide(
                    margin: margin, cost: 10, spoolHasRoom: true, uniform: random.chance(), at: Self.start)
                if case .chosen(let probability) = decision, isRight { weighted += 1 / Double(probability) }
            }
            sum += weighted / 2000
        }
        #expect(abs(sum / Double(runs) - 0.7) < 0.03)
    }

    @Test("the bucket fills with time up to a day's worth, and a clock that goes back brings nothing")
    func bucket() {
        var sampler = Self.sampler(floor: 1, slope: 0, perDay: 86_400, burst: 100)
        func decide(_ milliseconds: Int64) -> SampleDecision {
            sampler.decide(
                margin: 1, cost: 100, spoolHasRoom: true, uniform: 0,
                at: Self.start.advanced(by: Interval(milliseconds: milliseconds)))
        }
        #expect(decide(0) == .notOffered)
        #expect(decide(-5000) == .notOffered)
        #expect(decide(195_000) == .chosen(probability: 1))
        #expect(abs(sampler.bucket.level - 195) < 1e-6)
        _ = decide(400_000_000)
        #expect(sampler.bucket.level <= 86_400)
    }

    @Test("a new release brings the burst back, once")
    func newRelease() {
        var sampler = Self.sampler(floor: 1, slope: 0, burst: 1000)
        for _ in 0..<200 {
            _ = sampler.decide(margin: 1, cost: 10, spoolHasRoom: true, uniform: 0, at: Self.start)
        }
        sampler.releaseChanged(at: Self.start)
        #expect(sampler.bucket.level == 1000)
        sampler.releaseChanged(at: Self.start)
        #expect(sampler.bucket.level == 1000)
    }
}

@Suite("Report windows")
struct ReportWindowTests {
    static func part(kind: FrameKind = .timeseries) -> ReleasePart {
        let version = VersionID(model: Fixture.model, number: 1)
        func feature(_ channel: Int, _ statistic: FeatureStatistic) -> FeatureBaseline {
            FeatureBaseline(
                channel: channel, statistic: statistic, edges: [0, 1, 2, 3], counts: [1, 1, 1], driftThreshold: 1)
        }
        let channels = ["ax", "ay"].map { Channel(name: $0, unit: "g") }
        return ReleasePart(
            slot: .main, version: version,
            image: ImageReference(digest: Fixture.digest(1, 2), bytes: 10, arenaBytes: 10),
            input: FrameDescription(
                kind: kind, steps: 2, width: 2, channels: kind == .image ? [channels[0]] : channels),
            classes: ["a", "b"], normalisation: Normalisation(offset: [0, 0], scale: [1, 1]),
            thresholds: Thresholds(derivedFrom: version, promisedAccuracy: 0.9, minimumConfidence: 0.6),
            baseline: Baseline(
                features: kind == .image
                    ? [feature(0, .reading)]
                    : [feature(0, .reading), feature(1, .reading), feature(1, .mean), feature(0, .deviation)],
                predictions: PredictionBaseline(counts: [1, 1], driftThreshold: 1)),
            golden: GoldenProof(inputs: [[0, 0, 0, 0]], outputs: [[0.5, 0.5]], tolerance: 0.1, latencyLimit: 100))
    }

    private func add(_ frame: [Float], to window: inout ReportWindow, scores: [Float] = [0.9, 0.1]) throws {
        let judgement = try #require(Judgement(scores: scores))
        frame.withUnsafeBufferPointer { window.add(frame: $0, judgement: judgement, latency: 100) }
    }

    private func close(
        _ window: inout ReportWindow, sequence: UInt64 = 1, reportsDropped: UInt64 = 0, at milliseconds: Int64 = 0
    ) throws -> Report {
        let report = window.close(
            boot: "b", sequence: sequence, reportsDropped: reportsDropped, at: Instant(milliseconds: milliseconds))
        return try #require(report)
    }

    @Test("every value is counted in the bins of its channel, with mean and deviation per frame")
    func features() throws {
        var window = ReportWindow(
            slot: .main, release: Fixture.digest(1, 1), part: Self.part(), start: Instant(milliseconds: 5))
        #expect(window.isEmpty)
        try add([0.5, 1.5, 2.5, 9], to: &window)
        try add([-1, .nan, 2, 2], to: &window, scores: [0.45, 0.55])
        window.addError()
        let report = try close(&window, sequence: 7, reportsDropped: 3, at: 9)
        #expect(report.inferences == 2)
        #expect(report.errors == 1)
        #expect(report.uncertain == 1)
        #expect(report.predictions == [1, 1])
        #expect(report.features[0] == BinCounts(bins: [1, 0, 2], under: 1))
        #expect(report.features[1] == BinCounts(bins: [0, 1, 1], over: 1, missing: 1))
        #expect(report.features[2] == BinCounts(bins: [0, 0, 0], over: 1, missing: 1))
        #expect(report.features[3] == BinCounts(bins: [0, 2, 0]))
        #expect(report.latency.count == 2)
        #expect(report.confidence.count == 2)
        #expect(report.start == Instant(milliseconds: 5))
        #expect(report.end == Instant(milliseconds: 9))
        #expect(report.reportsDropped == 3)
        #expect(report.sequence == 7)
        #expect(window.isEmpty)
        let empty = window.close(boot: "b", sequence: 8, reportsDropped: 0, at: Instant(milliseconds: 10))
        #expect(empty == nil)
    }

    @Test("all pixels of an image are one channel")
    func image() throws {
        var window = ReportWindow(
            slot: .main, release: Fixture.digest(1, 1), part: Self.part(kind: .image), start: .epoch)
        try add([0.5, 1.5, 2.5, 2.5], to: &window)
        let report = try close(&window, sequence: 1)
        #expect(report.features == [BinCounts(bins: [1, 1, 2])])
    }

    @Test("a window in two halves counts the same as in one")
    func mergeable() throws {
        var random = SeededGenerator(seed: 5)
        let frames = (0..<40).map { _ in (0..<4).map { _ in Float(random.chance() * 4 - 0.5) } }
        var whole = ReportWindow(slot: .main, release: Fixture.digest(1, 1), part: Self.part(), start: .epoch)
        var half = whole
        for frame in frames { try add(frame, to: &whole) }
        for frame in frames[..<20] { try add(frame, to: &half) }
        var first = try close(&half, sequence: 1)
        for frame in frames[20...] { try add(frame, to: &half) }
        let second = try close(&half, sequence: 2)
        let all = try close(&whole, sequence: 1)
        for index in first.features.indices { try first.features[index].merge(second.features[index]) }
        #expect(first.features == all.features)
    }

    @Test("what the sampler decided is counted")
    func sampleCounts() throws {
        var window = ReportWindow(slot: .main, release: Fixture.digest(1, 1), part: Self.part(), start: .epoch)
        try add([0, 0, 0, 0], to: &window)
        for decision in [SampleDecision.disabled, .notOffered, .passed, .passed, .chosen(probability: 0.5)] {
            window.add(decision)
        }
        let report = try close(&window, sequence: 1)
        #expect(report.samplesOffered == 3)
        #expect(report.samplesChosen == 1)
        #expect(report.samplesDropped == 1)
    }
}
