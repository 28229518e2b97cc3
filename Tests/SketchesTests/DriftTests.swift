import Sketches
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct PSITests {
    @Test(
        "known values, computed by hand with half a count of smoothing",
        arguments: [
            ([10, 20, 30], [10, 20, 30], 0),
            // p = (½, 10½) / 11 and q its mirror image: 2 · (10 / 11) · ln 21.
            ([0, 10], [10, 0], 5.535495341315315),
            // p = (½, ½) and q = (30½, 69½) / 100: 0.195 · ln(69½ / 30½).
            ([99, 99], [30, 69], 0.16060201344668917),
            ([], [], 0),
        ] as [([UInt64], [UInt64], Double)])
    func known(baseline: [UInt64], observed: [UInt64], expected: Double) throws {
        #expect(isClose(try PSI.value(baseline: baseline, observed: observed), expected, within: 1e-8))
        #expect(isClose(try PSI.value(baseline: observed, observed: baseline), expected, within: 1e-8))
    }

    @Test("random histograms agree with the formula on Glibc's logarithm", arguments: 1...20)
    func naive(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let count = Int.random(in: 1...20, using: &random)
        let a = (0..<count).map { _ in UInt64.random(in: 0...1_000_000 >> UInt64(seed), using: &random) }
        let b = (0..<count).map { _ in UInt64.random(in: 0...1000, using: &random) }
        var expected = 0.0
        for index in a.indices {
            let p = (Double(a[index]) + 0.5) / (Double(a.reduce(0, +)) + 0.5 * Double(count))
            let q = (Double(b[index]) + 0.5) / (Double(b.reduce(0, +)) + 0.5 * Double(count))
            expected += (p - q) * log(p / q)
        }
        #expect(isClose(try PSI.value(baseline: a, observed: b), expected, within: 1e-12))
    }

    @Test("values outside join the outer bins, missing ones are a bin if there are any")
    func outside() throws {
        let inside = try PSI.value(baseline: [10, 10], observed: [UInt64](arrayLiteral: 7, 5))
        #expect(try PSI.value(baseline: [10, 10], observed: BinCounts(bins: [4, 3], under: 3, over: 2)) == inside)
        let missing = try PSI.value(baseline: [10, 10], observed: BinCounts(bins: [10, 10], missing: 20))
        #expect(missing == (try PSI.value(baseline: [10, 10, 0], observed: [UInt64](arrayLiteral: 10, 10, 20))))
        #expect(missing > 1)
    }

    @Test("histograms over other bins are refused")
    func bins() {
        #expect(throws: SketchError.binsDiffer(expected: 2, found: 1)) {
            try PSI.value(baseline: [1, 2], observed: [UInt64](arrayLiteral: 1))
        }
    }
}

@Suite struct DriftVerdictTests {
    private let metrics = [
        DriftMetric(subject: .feature(0), psi: 0.5, threshold: 1),
        DriftMetric(subject: .feature(1), psi: 3, threshold: 2),
        DriftMetric(subject: .predictions, psi: 8, threshold: 4),
    ]

    @Test("the score is the greatest ratio and the reasons are those above 1, worst first")
    func score() {
        let verdict = DriftVerdict(metrics: metrics, inferences: 100, minimumInferences: 100)
        #expect(verdict.outcome == .drifted && verdict.score == 2)
        #expect(verdict.reasons.map(\.subject) == [.predictions, .feature(1)])
        #expect(verdict.metrics.map(\.ratio) == [2, 1.5, 0.5])
    }

    @Test("below the minimum of inferences there is no verdict, whatever the score")
    func tooFew() {
        let verdict = DriftVerdict(metrics: metrics, inferences: 99, minimumInferences: 100)
        #expect(verdict.outcome == .tooFewInferences && !verdict.isDrifted && verdict.reasons.isEmpty)
        #expect(verdict.score == 2)
    }

    @Test("a ratio of exactly 1 is normal, and so is a metric without a threshold")
    func boundary() {
        let at = DriftVerdict(
            metrics: [
                DriftMetric(subject: .feature(0), psi: 2, threshold: 2),
                DriftMetric(subject: .predictions, psi: 50, threshold: .infinity),
            ], inferences: 500, minimumInferences: 100)
        #expect(at.outcome == .normal && at.score == 1)
        #expect(DriftVerdict(metrics: [], inferences: 500, minimumInferences: 100).outcome == .normal)
    }
}
