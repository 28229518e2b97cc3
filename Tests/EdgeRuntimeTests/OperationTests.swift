import EdgeRuntime
import ModelImage
import Testing

/// Runs an image of one step over `inputs` on every instruction set and returns what each gives.
private func results(_ image: ImageMemory, _ inputs: [[Float]]) throws -> [[Float]] {
    try InstructionSet.allCases.filter(\.isAvailable).map { set in
        var model = try Model(bytes: image.bytes, instructionSet: set)
        for (port, values) in inputs.enumerated() {
            try values.withUnsafeBufferPointer { try model.write($0, toInput: port) }
        }
        model.run()
        var output = [Float](repeating: .nan, count: model.outputs[0].elementCount)
        try output.withUnsafeMutableBufferPointer { try model.read(output: 0, into: $0) }
        return output
    }
}

private func expectAll(_ image: ImageMemory, _ inputs: [[Float]], give expected: [Float]) throws {
    let all = try results(image, inputs)
    #expect(!all.isEmpty)
    for found in all {
        #expect(found.count == expected.count)
        for (one, other) in zip(found, expected) {
            #expect(abs(one - other) <= 1e-5 * max(1, abs(other)), "\(found), not \(expected)")
        }
    }
}

private func axes(_ values: [Int]) throws -> AxisValues { try #require(AxisValues(values)) }

@Suite("Each operation of the plan")
struct OperationTests {
    private let six: [Float] = [1, 2, 3, 4, 5, 6]

    @Test("gemm multiplies by panels, adds the bias and applies the activation")
    func gemm() throws {
        let constants: [ImageDescription.Tensor] = [
            .panels("w", [1, 2, 3, 4, 5, 6], rows: 3, columns: 2), .constant("b", [-30, 1], shape: [2]),
        ]
        let image = try oneStep(.gemm, inputs: [[2, 3]], constants: constants, shape: [2, 2], activation: .relu)
        try expectAll(image, [six], give: [0, 29, 19, 65])
        let leaky = try oneStep(
            .gemm, inputs: [[2, 3]], constants: constants, shape: [2, 2],
            activation: Activation(.leakyRelu, alpha: 0.5))
        try expectAll(leaky, [six], give: [-4, 29, 19, 65])
    }

    @Test("matMul broadcasts batches and takes a transposed right matrix", arguments: [false, true])
    func matMul(transposed: Bool) throws {
        let image = try oneStep(
            .matMul(transposedRight: transposed), inputs: [[2, 1, 3], transposed ? [2, 3] : [3, 2]], shape: [2, 1, 2])
        let right: [Float] = transposed ? [1, 3, 5, 2, 4, 6] : six
        try expectAll(image, [six, right], give: [22, 28, 49, 64])
        let many = try oneStep(
            .matMul(transposedRight: transposed), inputs: [[1, 2], transposed ? [3, 1, 2] : [3, 2, 1]],
            shape: [3, 1, 1])
        try expectAll(many, [[10, 1], six], give: [12, 34, 56])
    }

    @Test("a convolution pads, strides and clips")
    func convolution() throws {
        let window = Window(kernel: (1, 2), stride: (1, 2), pads: (0, 1, 0, 0))
        let image = try oneStep(
            .convolution(window, groups: 1), inputs: [[1, 1, 3, 1]],
            constants: [.panels("w", groups: [[1, -1, 10, 0]], rows: 2, columns: 2)], shape: [1, 1, 2, 2],
            activation: .clip(-3, 31))
        try expectAll(image, [[1, 2, 3]], give: [10, 0, 31, -2])
    }

    @Test("a depthwise convolution and a pool keep channels apart")
    func depthwiseAndPool() throws {
        let image = try oneStep(
            .depthwise(Window(kernel: (2, 1))), inputs: [[1, 2, 1, 3]],
            constants: [.panels("w", [1, 1, 1, 0, 1, 2], rows: 2, columns: 3)], shape: [1, 1, 1, 3])
        try expectAll(image, [six], give: [1, 7, 15])
        let largest = try oneStep(.maxPool(Window(kernel: (2, 1))), inputs: [[1, 2, 1, 3]], shape: [1, 1, 1, 3])
        try expectAll(largest, [six], give: [4, 5, 6])
        let padded = Window(kernel: (2, 1), pads: (1, 0, 0, 0))
        let mean = try oneStep(
            .averagePool(padded, countsPadding: true), inputs: [[1, 2, 1, 3]], shape: [1, 2, 1, 3])
        try expectAll(mean, [six], give: [0.5, 1, 1.5, 2.5, 3.5, 4.5])
    }

    @Test("binary operations broadcast, then apply the activation")
    func binary() throws {
        let image = try oneStep(
            .binary(.subtract), inputs: [[2, 1, 3], [2, 1]], shape: [2, 2, 3], activation: .relu)
        try expectAll(image, [six, [1, 4]], give: [0, 1, 2, 0, 0, 0, 3, 4, 5, 0, 1, 2])
    }

    @Test("unary, affine and softmax work along their axes")
    func elementwise() throws {
        let unary = try oneStep(
            .unary, inputs: [[2, 3]], shape: [6], activation: Activation(.hardSigmoid, alpha: 0.2, beta: 0))
        try expectAll(unary, [six], give: [0.2, 0.4, 0.6, 0.8, 1, 1])
        let affine = try oneStep(
            .affine(axis: 0), inputs: [[2, 3]],
            constants: [.constant("s", [1, 10], shape: [2]), .constant("t", [0, 1], shape: [2])], shape: [2, 3])
        try expectAll(affine, [six], give: [1, 2, 3, 41, 51, 61])
        let softmax = try oneStep(.softmax(axis: 0, logarithmic: false), inputs: [[2, 1]], shape: [2, 1])
        try expectAll(softmax, [[0, 0]], give: [0.5, 0.5])
    }

    @Test("reductions and argMax drop their axes")
    func reductions() throws {
        let sum = try oneStep(.reduce(.sum, axes: axes([0])), inputs: [[2, 3]], shape: [3])
        try expectAll(sum, [six], give: [5, 7, 9])
        let mean = try oneStep(.reduce(.mean, axes: axes([1])), inputs: [[2, 3]], shape: [2, 1])
        try expectAll(mean, [six], give: [2, 5])
        let image = try oneStep(
            .argMax(axis: 1, smallest: false, last: false), inputs: [[2, 3]], shape: [2], type: .int64)
        var model = try Model(bytes: image.bytes)
        try ([1, 3, 2, 9, 0, 0] as [Float]).withUnsafeBufferPointer { try model.write($0, toInput: 0) }
        model.run()
        let indices = model.withOutput(0) { Array($0.assumingMemoryBound(to: Int64.self)) }
        #expect(indices == [1, 0])
    }

    @Test("data movement puts elements in their places")
    func movement() throws {
        let transpose = try oneStep(.transpose(axes([1, 0])), inputs: [[2, 3]], shape: [3, 2])
        try expectAll(transpose, [six], give: [1, 4, 2, 5, 3, 6])
        let slice = try oneStep(
            .slice(starts: axes([1, 2]), steps: axes([1, -2])), inputs: [[2, 3]], shape: [1, 2])
        try expectAll(slice, [six], give: [6, 4])
        let concat = try oneStep(.concat(axis: 1), inputs: [[2, 1], [2, 2]], shape: [2, 3])
        try expectAll(concat, [[1, 2], [3, 4, 5, 6]], give: [1, 3, 4, 2, 5, 6])
        let pad = try oneStep(
            .pad(before: axes([0, 1]), mode: .constant), inputs: [[1, 2]], shape: [1, 4],
            activation: Activation(.identity, alpha: 7))
        try expectAll(pad, [[1, 2]], give: [7, 1, 2, 7])
        let copy = try oneStep(.copy, inputs: [[2, 3]], shape: [6])
        try expectAll(copy, [six], give: six)
    }
}
