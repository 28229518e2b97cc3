import Sketches
import Testing

@Suite struct LatencyHistogramTests {
    @Test("quantiles stay within the stated relative error", arguments: 1...10)
    func accuracy(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let values = (0..<2000).map { _ in
            Int.random(in: 0...(1 << Int.random(in: 1...31, using: &random)), using: &random)
        }
        var histogram = LatencyHistogram()
        for value in values { histogram.add(microseconds: value) }
        let sorted = values.sorted()
        for q in [0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1] {
            let exact = Double(sorted[max(Int((q * 2000).rounded(.up)) - 1, 0)])
            let answer = try #require(histogram.quantile(q))
            #expect((answer - exact).magnitude <= LatencyHistogram.relativeError * exact, "q \(q), seed \(seed)")
        }
        #expect(histogram.buckets.count <= LatencyHistogram.bucketLimit)
    }

    @Test("merging two halves equals adding everything to one")
    func merge() {
        var random = SeededGenerator(seed: 7)
        var parts = [LatencyHistogram(), LatencyHistogram()]
        var whole = LatencyHistogram()
        for index in 0..<1000 {
            let value = Int.random(in: 0...1_000_000, using: &random)
            parts[index % 2].add(microseconds: value)
            whole.add(microseconds: value)
        }
        parts[0].merge(parts[1])
        #expect(parts[0] == whole)
        #expect(whole.count == 1000)
    }

    @Test("short latencies are exact, negative ones count as 0 and too long ones as the longest")
    func ends() {
        for value in 0..<64 {
            var histogram = LatencyHistogram()
            histogram.add(microseconds: value)
            #expect(histogram.quantile(0.5) == Double(value))
        }
        var histogram = LatencyHistogram()
        histogram.add(microseconds: -5)
        #expect(histogram.buckets == [.init(index: 0, count: 1)])
        histogram.add(microseconds: .max)
        #expect(histogram.buckets.last?.index == UInt16(LatencyHistogram.bucketLimit - 1))
        #expect(LatencyHistogram().quantile(0.5) == nil)
    }

    @Test("buckets from outside are ordered, joined and bounded")
    func outside() {
        let histogram = LatencyHistogram(buckets: [
            .init(index: 9, count: 1), .init(index: 3, count: 2), .init(index: 9, count: 4), .init(index: 5, count: 0),
            .init(index: 60_000, count: 1),
        ])
        #expect(
            histogram.buckets == [.init(index: 3, count: 2), .init(index: 9, count: 5), .init(index: 895, count: 1)])
    }
}
