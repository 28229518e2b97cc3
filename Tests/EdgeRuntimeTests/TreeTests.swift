import EdgeRuntime
import ModelImage
import Sketches
import Testing

/// Trees over two features: x₀ ≤ 1 gives 10, else x₁ ≤ 5 gives 20, else 30; NaN goes left, to the larger.
@Suite("Tree ensembles")
struct TreeTests {
    /// Threshold, feature, next, leaf: the words of a node.
    private static let nodes: [(Float, Int32, Int32, Int32)] = [
        (1, 0, 2, 0), (.nan, 0, 0, 0), (5, 1, 4, 0), (.nan, 0, 3, 0), (.nan, 0, 4, 2), (.nan, 0, 5, 1),
    ]

    /// An image of `trees` equal trees over `rows` rows.
    private func image(rows: Int, trees: Int, aggregate: Int32 = 1, weights: [Float] = [10, 20, 30]) throws -> [UInt8] {
        var builder = ImageBuilder()
        let x = builder.input("x", [rows, 2])
        let words = Self.nodes.flatMap { [Int32(bitPattern: $0.0.bitPattern), $0.1, $0.2, $0.3] }
        let nodes = builder.image.add(integers(words))
        let roots = builder.image.add(integers((0..<trees).flatMap { _ in [0, 2] }))
        let leaves = builder.constant(weights, [weights.count])
        let y = builder.image.add(.output("y", shape: [rows, 1], at: builder.image.arenaBytes))
        builder.image.arenaBytes += ImageFormat.aligned(rows * 4)
        builder.image.operations.append(
            .init(
                .portable(.treeEnsemble, words: [2, 1, aggregate, 0]),
                inputs: [x, nodes, roots, nil, nil, leaves, nil],
                output: y, scratchOffset: builder.image.arenaBytes, scratchBytes: 64))
        builder.image.arenaBytes += 64
        builder.image.outputs.append(y)
        return try builder.image.encoded()
    }

    private func integers(_ values: [Int32]) -> ImageDescription.Tensor {
        var bytes: [UInt8] = []
        for value in values { withUnsafeBytes(of: value.littleEndian) { bytes += Array($0) } }
        return .init(name: "", elementType: .int32, kind: .constant, shape: [values.count], data: bytes)
    }

    @Test("any number of trees is walked, whole groups and the rest", arguments: [1, 2, 7, 8, 9, 16, 100])
    func groups(trees: Int) throws {
        let memory = ImageMemory(copying: try image(rows: 5, trees: trees))
        var model = try Model(bytes: memory.bytes)
        let scores = try model.predict([1, 0, 2, 5, 2, 6, .nan, 5, 2, .nan])
        #expect(scores == [10, 20, 30, 20, 30].map { $0 * Float(trees) })
    }

    @Test("aggregates", arguments: [(0, 20), (1, 60), (2, 20), (3, 20)])
    func aggregates(number: Int32, expected: Float) throws {
        let memory = ImageMemory(copying: try image(rows: 1, trees: 3, aggregate: number))
        var model = try Model(bytes: memory.bytes)
        #expect(try model.predict([2, 4]) == [expected])
    }

    @Test("whatever the nodes of a mutated image say, it is refused or runs inside its memory", arguments: 0..<4)
    func mutations(seed: Int) throws {
        let original = try image(rows: 2, trees: 9)
        let weights = original.withUnsafeBytes { Int($0.loadUnaligned(fromByteOffset: 52, as: UInt32.self)) }
        var random = SeededGenerator(seed: UInt64(seed))
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: original.count, alignment: ImageFormat.alignment)
        defer { memory.deallocate() }
        var outcomes = (accepted: 0, refused: 0)
        for _ in 0..<500 {
            memory.copyBytes(from: original)
            let place = Int.random(in: weights / 4..<original.count / 4, using: &random) * 4
            let word: UInt32 =
                Bool.random(using: &random)
                ? UInt32.random(in: 0..<9, using: &random) : UInt32.random(in: 0...UInt32.max, using: &random)
            memory.storeBytes(of: word, toByteOffset: place, as: UInt32.self)
            sealChecksum(memory)
            do throws(RuntimeError) {
                var model = try Model(bytes: UnsafeRawBufferPointer(memory))
                outcomes.accepted += 1
                model.run()
            } catch {
                outcomes.refused += 1
            }
        }
        #expect(outcomes.accepted > 50 && outcomes.refused > 50, "\(outcomes)")
    }
}
