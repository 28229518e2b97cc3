import CAllocationCounter
import EdgeRuntime
import ModelImage
import Testing

@Suite("Memory use of a run")
struct AllocationTests {
    /// One step of every kind that works in scratch, loops or pairs.
    private func variedModel() throws -> ImageMemory {
        var builder = ImageBuilder()
        let input = builder.input("x", [1, 6, 6, 2])
        let weights = builder.image.add(
            .panels("w", groups: [[Float](repeating: 0.1, count: 54)], rows: 18, columns: 3))
        let convolution = builder.step(
            .convolution(Window(kernel: (3, 3)), groups: 1), [input, weights, nil], shape: [1, 4, 4, 3],
            activation: Activation(.sigmoid))
        let pooled = builder.step(.maxPool(Window(kernel: (2, 2))), [convolution], shape: [1, 3, 3, 3])
        let sum = builder.step(.binary(.add), [pooled, pooled], shape: [1, 3, 3, 3])
        let axes = try #require(AxisValues([0, 3, 1, 2]))
        let turned = builder.step(.transpose(axes), [sum], shape: [1, 3, 3, 3])
        let product = builder.step(.matMul(transposedRight: true), [turned, turned], shape: [1, 3, 3, 3])
        let last = try #require(AxisValues([2, 3]))
        let mean = builder.step(.reduce(.mean, axes: last), [product], shape: [1, 3])
        let joined = builder.step(.concat(axis: 1), [mean, mean], shape: [1, 6])
        builder.output(builder.step(.softmax(axis: 1, logarithmic: false), [joined], shape: [1, 6]))
        return try ImageMemory(builder.image)
    }

    @Test("a run allocates nothing")
    func noAllocations() throws {
        let image = try variedModel()
        for set in InstructionSet.allCases where set.isAvailable {
            var model = try Model(bytes: image.bytes, instructionSet: set)
            let input = [Float](repeating: 0.5, count: 72)
            var output = [Float](repeating: 0, count: 6)
            try input.withUnsafeBufferPointer { source in
                try output.withUnsafeMutableBufferPointer { target in
                    try model.run(source, into: target)
                    let before = allocation_count()
                    for _ in 0..<10 { try model.run(source, into: target) }
                    #expect(allocation_count() == before, "\(set.name)")
                }
            }
            #expect(abs(output.reduce(0, +) - 1) < 1e-5)
        }
    }

    @Test("the counter counts")
    func counter() {
        let before = allocation_count()
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 8)
        #expect(allocation_count() == before + 1)
        memory.deallocate()
    }
}
