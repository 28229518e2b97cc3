import Sketches
import Testing

@Suite struct BinCountsTests {
    @Test(
        "a value falls into the bin that holds it; the last bin holds its upper edge",
        arguments: [
            (-0.1, BinCounts(bins: [0, 0, 0], under: 1)), (0, BinCounts(bins: [1, 0, 0])),
            (0.99, BinCounts(bins: [1, 0, 0])), (1, BinCounts(bins: [0, 1, 0])), (2, BinCounts(bins: [0, 0, 1])),
            (4, BinCounts(bins: [0, 0, 1])), (4.01, BinCounts(bins: [0, 0, 0], over: 1)),
            (.nan, BinCounts(bins: [0, 0, 0], missing: 1)), (.infinity, BinCounts(bins: [0, 0, 0], over: 1)),
            (-.infinity, BinCounts(bins: [0, 0, 0], under: 1)),
        ] as [(Float, BinCounts)])
    func bin(value: Float, expected: BinCounts) {
        var counts = BinCounts(edges: [0, 1, 2, 4])
        counts.add(value, edges: [0, 1, 2, 4])
        #expect(counts == expected)
    }

    @Test("bisection agrees with looking at every edge", arguments: 1...20)
    func naive(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let edges = (0..<Int.random(in: 2...12, using: &random)).map { _ in
            Float(Int.random(in: 0...20, using: &random))
        }
        .sorted()
        var counts = BinCounts(edges: edges)
        var expected = BinCounts(edges: edges)
        for _ in 0..<200 {
            let x = Float(Int.random(in: -4...48, using: &random)) / 2
            counts.add(x, edges: edges)
            if x < edges[0] {
                expected.under += 1
            } else if x > edges[edges.count - 1] {
                expected.over += 1
            } else {
                expected.bins[edges.dropFirst().dropLast().filter { $0 <= x }.count] += 1
            }
        }
        #expect(counts == expected)
        #expect(counts.total == 200)
    }

    @Test("a constant column has one bin, which holds its value")
    func constant() {
        var counts = BinCounts(edges: [3, 3])
        for value: Float in [3, 3, 2, 4] { counts.add(value, edges: [3, 3]) }
        #expect(counts == BinCounts(bins: [2], under: 1, over: 1))
    }

    @Test("merging adds; other bins are refused and change nothing")
    func merge() throws {
        var counts = BinCounts(bins: [1, 2], under: 3, over: 4, missing: 5)
        try counts.merge(BinCounts(bins: [10, 20], under: 30, over: 40, missing: 50))
        #expect(counts == BinCounts(bins: [11, 22], under: 33, over: 44, missing: 55))
        #expect(throws: SketchError.binsDiffer(expected: 2, found: 3)) { try counts.merge(BinCounts(bins: [1, 1, 1])) }
        #expect(counts.total == 165)
    }

    @Test("counts saturate instead of stopping the program")
    func saturate() throws {
        var counts = BinCounts(bins: [.max])
        counts.add(1, edges: [0, 2])
        try counts.merge(BinCounts(bins: [.max]))
        #expect(counts.bins == [.max] && counts.total == .max)
    }
}
