import Sketches
import Testing

@Suite struct MomentsTests {
    private func moments(of values: [Double]) -> Moments {
        var moments = Moments()
        for value in values { moments.add(value) }
        return moments
    }

    @Test("moments of random values equal the two-pass computation", arguments: 1...20)
    func naive(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let offset = Double.random(in: -1e4...1e4, using: &random)
        let values = (0..<Int.random(in: 2...500, using: &random)).map { _ in
            offset + Double.random(in: -3...3, using: &random)
        }
        let mean = values.reduce(0, +) / Double(values.count)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
        let result = moments(of: values)
        #expect(result.count == UInt64(values.count))
        #expect(isClose(result.mean, mean, within: 1e-12))
        #expect(isClose(result.variance, variance, within: 1e-9))
        #expect(
            isClose(result.sampleVariance * Double(values.count - 1), variance * Double(values.count), within: 1e-9))
        #expect(result.minimum == values.min() && result.maximum == values.max())
    }

    @Test("merging is associative and commutative", arguments: 1...20)
    func associative(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed) &* 977)
        let parts = (0..<3).map { _ in
            moments(of: (0..<Int.random(in: 0...40, using: &random)).map { _ in .random(in: -9...9, using: &random) })
        }
        func merged(_ a: Moments, _ b: Moments) -> Moments {
            var sum = a
            sum.merge(b)
            return sum
        }
        let left = merged(merged(parts[0], parts[1]), parts[2])
        let right = merged(parts[0], merged(parts[2], parts[1]))
        #expect(left.count == right.count)
        #expect(isClose(left.mean, right.mean, within: 1e-12))
        #expect(isClose(left.squares, right.squares, within: 1e-10))
        #expect(left.minimum == right.minimum && left.maximum == right.maximum)
    }

    @Test("values that are not finite are not counted")
    func finite() {
        #expect(moments(of: [1, .nan, .infinity, 3]) == moments(of: [1, 3]))
    }

    @Test("a small spread around a large mean survives")
    func cancellation() {
        #expect(isClose(moments(of: (0..<1000).map { 1e9 + Double($0 % 2) }).variance, 0.25, within: 1e-6))
    }
}
