import EdgeRuntime
import ModelImage
import Sketches
import Testing

@Suite("Hostile images")
struct HostileImageTests {
    /// Most bytes of arena for which the test runs what the reader accepted.
    private static let largestArena = 1 << 20

    private func seedImage() throws -> [UInt8] {
        var builder = ImageBuilder()
        let input = builder.input("x", [1, 5, 4, 2])
        let weights = builder.image.add(.panels("w", groups: [[1, 2, 3, 4], [5, 6, 7, 8]], rows: 4, columns: 1))
        let window = Window(kernel: (2, 2), stride: (2, 1), pads: (1, 0, 0, 1))
        let convolution = builder.step(.convolution(window, groups: 2), [input, weights, nil], shape: [1, 3, 4, 2])
        let axes = try #require(AxisValues([0, 2, 1, 3]))
        let turned = builder.step(.transpose(axes), [convolution], shape: [1, 4, 3, 2])
        let starts = try #require(AxisValues([0, 3, 0, 1]))
        let steps = try #require(AxisValues([1, -2, 1, 1]))
        let sliced = builder.step(.slice(starts: starts, steps: steps), [turned], shape: [1, 2, 3, 1])
        let before = try #require(AxisValues([0, 1, 0, 0]))
        let padded = builder.step(.pad(before: before, mode: .reflect), [sliced], shape: [1, 3, 3, 1])
        let pooled = builder.step(
            .averagePool(Window(kernel: (2, 2)), countsPadding: true), [padded], shape: [1, 2, 2, 1])
        let last = try #require(AxisValues([1, 2]))
        let sum = builder.step(.reduce(.logSumExp, axes: last), [pooled], shape: [1, 1])
        builder.output(builder.step(.concat(axis: 1), [sum, sum], shape: [1, 2]))
        return try builder.image.encoded()
    }

    @Test("whatever a mutated image says, it is refused or runs inside its memory", arguments: 0..<8)
    func mutations(seed: Int) throws {
        let original = try seedImage()
        var random = SeededGenerator(seed: UInt64(seed))
        var accepted = 0
        var refused = 0
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: original.count, alignment: 64)
        defer { memory.deallocate() }
        for _ in 0..<500 {
            memory.copyBytes(from: original)
            for _ in 0..<Int.random(in: 1...3, using: &random) { mutate(memory, &random) }
            sealChecksum(memory)
            do throws(ImageError) {
                let reader = try ImageReader(UnsafeRawBufferPointer(memory))
                accepted += 1
                guard reader.arenaBytes <= Self.largestArena else { continue }
            } catch {
                refused += 1
                continue
            }
            var model = try Model(bytes: UnsafeRawBufferPointer(memory))
            model.run()
        }
        #expect(accepted > 5 && refused > 100, "accepted \(accepted), refused \(refused)")
    }

    /// Changes one 32-bit word before the weights: to a small number, to a large one, or by one bit.
    private func mutate(_ memory: UnsafeMutableRawBufferPointer, _ random: inout SeededGenerator) {
        let weights = Int(memory.loadUnaligned(fromByteOffset: 52, as: UInt32.self))
        let place = Int.random(in: 3..<max(4, min(weights, memory.count) / 4), using: &random) * 4
        let old = memory.loadUnaligned(fromByteOffset: place, as: UInt32.self)
        let new =
            switch UInt8.random(in: 0..<4, using: &random) {
            case 0: UInt32.random(in: 0..<9, using: &random)
            case 1: UInt32.random(in: 0...UInt32.max, using: &random)
            case 2: old &+ UInt32.random(in: 0..<3, using: &random) &- 1
            default: old ^ (1 << UInt32.random(in: 0..<32, using: &random))
            }
        memory.storeBytes(of: new, toByteOffset: place, as: UInt32.self)
    }
}

/// Writes the Adler-32 of RFC 1950 over all but its own four bytes, so that the checksum hides no later check.
func sealChecksum(_ memory: UnsafeMutableRawBufferPointer) {
    var (low, high): (UInt32, UInt32) = (1, 0)
    for (index, byte) in memory.enumerated() where !(60..<64).contains(index) {
        low = (low + UInt32(byte)) % 65_521
        high = (high + low) % 65_521
    }
    memory.storeBytes(of: high << 16 | low, toByteOffset: 60, as: UInt32.self)
}
