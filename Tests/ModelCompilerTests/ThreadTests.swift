import EdgeRuntime
import ModelImage
import ONNXFormat
import Sketches
import Testing

@testable import ModelCompiler

@Suite("Models with threads")
struct ThreadTests {
    /// Layers that are large enough to be shared: padded, pointwise and grouped convolutions, a product with weights and
    /// one with a matrix that is computed.
    private var model: TestModel {
        var model = TestModel()
        var random = SeededGenerator(seed: 9)
        func values(_ count: Int) -> [Float] { (0..<count).map { _ in Float.random(in: -0.2...0.2, using: &random) } }
        model.input("x", [2, 16, 43, 41])
        model.floats("a", values(40 * 16 * 9), [40, 16, 3, 3])
        model.floats("b", values(40 * 20), [40, 20, 1, 1])
        model.floats("c", values(52 * 40), [52, 40, 1, 1])
        model.floats("d", values(41 * 90), [41, 90])
        model.node("Conv", ["x", "a"], ["s"], ["pads": .ints([1, 1, 1, 1])])
        model.node("Conv", ["s", "b"], ["t"], ["group": .int(2)])
        model.node("Add", ["s", "t"], ["u"])
        model.node("Conv", ["u", "c"], ["v"])
        model.node("MatMul", ["v", "d"], ["y"])
        model.output("y")
        return model
    }

    @Test("results are the same bits with any number of threads", arguments: InstructionSet.allCases)
    func sameBits(instructionSet: InstructionSet) throws {
        guard instructionSet.isAvailable else { return }
        let image = try ModelCompiler.compile(model.onnx).imageBytes
        let memory = ImageMemory(copying: image)
        var expected: [[Float]] = []
        var random = SeededGenerator(seed: 10)
        let input = (0..<2 * 16 * 43 * 41).map { _ in Float.random(in: -1...1, using: &random) }
        for threads in [1, 2, 3, 7] {
            var model = try Model(
                bytes: memory.bytes, instructionSet: instructionSet, threads: threads)
            for _ in 0..<3 {
                var outputs: [[Float]] = []
                try model.run([input], into: &outputs)
                if expected.isEmpty { expected = outputs }
                #expect(outputs == expected, "\(threads) threads")
            }
        }
    }

    @Test("as many threads as cannot be had are refused", arguments: [0, -1, 65])
    func refused(threads: Int) throws {
        let image = try ModelCompiler.compile(model.onnx).imageBytes
        let memory = ImageMemory(copying: image)
        #expect(throws: RuntimeError.unavailableThreads(threads)) {
            _ = try Model(bytes: memory.bytes, threads: threads)
        }
    }
}
