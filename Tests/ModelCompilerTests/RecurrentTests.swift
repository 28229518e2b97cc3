import ModelImage
import ONNXFormat
import Sketches
import Testing

@testable import ModelCompiler

/// Random recurrent models against ONNX Runtime are among the cases of `PeerCaseTests`; here is what that runtime does
/// not have, and what is refused.
@Suite("Recurrent layers")
struct RecurrentTests {
    private let steps = 5
    private let batch = 3
    private let inputs = 4
    private let hidden = 7

    private func values(_ count: Int, seed: UInt64) -> [Float] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in Float.random(in: -0.5...0.5, using: &random) }
    }

    /// An LSTM with initial states and all three outputs.
    private func model(batchFirst: Bool, activations: [String]? = nil) -> TestModel {
        var model = TestModel()
        model.input("x", batchFirst ? [3, 5, 4] : [5, 3, 4])
        model.input("h", batchFirst ? [3, 2, 7] : [2, 3, 7])
        model.floats("w", values(2 * 4 * hidden * inputs, seed: 1), [2, 4 * hidden, inputs])
        model.floats("r", values(2 * 4 * hidden * hidden, seed: 2), [2, 4 * hidden, hidden])
        model.floats("b", values(2 * 8 * hidden, seed: 3), [2, 8 * hidden])
        var attributes: [String: ONNXAttribute.Value] = [
            "hidden_size": .int(7), "direction": .string(Array("bidirectional".utf8)),
            "layout": .int(batchFirst ? 1 : 0),
        ]
        attributes["activations"] = activations.map { .strings($0.map { Array($0.utf8) }) }
        model.node("LSTM", ["x", "w", "r", "b", "", "h"], ["y", "yh", "yc"], attributes)
        for name in ["y", "yh", "yc"] { model.output(name) }
        return model
    }

    /// Axis `i` of the result is axis `order[i]`.
    private func transposed(_ values: [Float], _ shape: [Int], _ order: [Int]) -> [Float] {
        Constant(floats: values, shape: shape).transposed(order).floats ?? []
    }

    @Test("a layer with the batch outermost computes what the other layout does")
    func batchFirst() throws {
        let x = values(steps * batch * inputs, seed: 4)
        let h = values(2 * batch * hidden, seed: 5)
        let expected = try evaluate(model(batchFirst: false).onnx, [x, h])
        let found = try evaluate(
            model(batchFirst: true).onnx,
            [transposed(x, [steps, batch, inputs], [1, 0, 2]), transposed(h, [2, batch, hidden], [1, 0, 2])])
        #expect(found.count == 3)
        #expect(found[0] == transposed(expected[0], [steps, 2, batch, hidden], [2, 0, 1, 3]))
        #expect(found[1] == transposed(expected[1], [2, batch, hidden], [1, 0, 2]))
        #expect(found[2] == transposed(expected[2], [2, batch, hidden], [1, 0, 2]))
        // The last forward state is the last row of results, the last backward one the first.
        let row = batch * hidden
        #expect(Array(expected[1][..<row]) == Array(expected[0][(2 * steps - 2) * row..<(2 * steps - 1) * row]))
        #expect(Array(expected[1][row...]) == Array(expected[0][row..<2 * row]))
    }

    @Test("unknown or missing functions are refused by name", arguments: [["Mish"], ["Sigmoid", "Tanh", "Tanh"]])
    func refusedFunctions(_ names: [String]) {
        #expect(throws: CompileError.self) {
            try ModelCompiler.compile(model(batchFirst: false, activations: names).onnx)
        }
    }
}
