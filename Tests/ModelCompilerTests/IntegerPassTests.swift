import ModelImage
import ONNXFormat
import Testing

@testable import ModelCompiler

@Suite("Passes on bytes")
struct IntegerPassTests {
    private func imported(_ model: TestModel) throws -> Graph {
        try Importer.graph(of: model.onnx, options: CompileOptions())
    }

    /// What each node computes, those on bytes by what they do with them.
    private func names(_ graph: Graph) -> [String] {
        graph.nodes.map { node in
            if case .quantized(let operation) = node.operation {
                return "\(operation)".prefix { $0 != "(" }.description
            }
            return "\(node.operation)".prefix { $0 != "(" }.description
        }
    }

    /// `x int8 [1, 2, 4, 4]`, dequantized to `f` by `s` and `z`.
    private func dequantized() -> TestModel {
        var model = TestModel()
        model.graph.inputs.append(ONNXValueInfo(name: "x", elementType: .int8, dims: [1, 2, 4, 4]))
        model.floats("s", [0.5], [])
        model.bytes("z", [3], [])
        model.node("DequantizeLinear", ["x", "s", "z"], ["f"])
        return model
    }

    @Test("quantize of a convolution of dequantized operands is a convolution of bytes")
    func convolution() throws {
        var model = dequantized()
        model.bytes("w", [1, -2, 3, -4], [2, 2, 1, 1])
        model.floats("ws", [0.25, 0.5], [2])
        model.floats("b", [1, 2], [2])
        model.node("DequantizeLinear", ["w", "ws"], ["wf"], ["axis": .int(0)])
        model.node("Conv", ["f", "wf", "b"], ["c"])
        model.node("Relu", ["c"], ["r"])
        model.node("QuantizeLinear", ["r", "s", "z"], ["y"])
        model.output("y")
        var graph = try imported(model)
        #expect(names(graph) == ["dequantize", "convolution", "unary", "quantize"])
        #expect(try IntegerKernels.run(&graph) == 0, "the activation stands between")
        #expect(ActivationFusion.run(&graph) == 1)
        #expect(try IntegerKernels.run(&graph) == 1)
        _ = DeadCodeRemoval.run(&graph)
        try graph.check()
        #expect(names(graph) == ["convolution"])
        let node = graph.nodes[0]
        #expect(graph.constant(node.inputs[1])?.integers == [1, -2, 3, -4])
        // Biases in units of input times weight scale, less the zero point times the sum of the weights.
        #expect(graph.constant(node.inputs[2])?.integers == [8 + 3, 8 + 3])
        #expect(graph.constant(node.inputs[3])?.floats == [0.25, 0.5])
        guard case .quantized(.convolution(_, _, _, let zeroPoint, let type, let range)) = node.operation else {
            Issue.record("\(node.operation)")
            return
        }
        #expect((zeroPoint, type) == (3, .int8))
        #expect(range == ByteRange(zeroPoint: 3, low: 3, high: 127), "the activation has become a bound")
    }

    @Test(
        "what others read, or is scaled along another axis, stays with floats", arguments: ["output", "axis", "wide"])
    func convolutionKept(_ kind: String) throws {
        var model = dequantized()
        // Less its zero point the first weight is no int8.
        model.bytes("w", [-128, -2, 3, -4], [2, 2, 1, 1])
        model.floats("ws", kind == "axis" ? [0.25, 0.5] : [0.25], kind == "axis" ? [2] : [])
        model.bytes("wz", kind == "axis" ? [0, 0] : [kind == "wide" ? 1 : 0], kind == "axis" ? [2] : [])
        model.node("DequantizeLinear", ["w", "ws", "wz"], ["wf"], ["axis": .int(1)])
        model.node("Conv", ["f", "wf"], ["c"])
        model.node("QuantizeLinear", ["c", "s", "z"], ["y"])
        model.output("y")
        if kind == "output" { model.output("c") }
        var graph = try imported(model)
        #expect(try IntegerKernels.run(&graph) == 0)
        #expect(names(graph) == ["dequantize", "convolution", "quantize"])
    }

    @Test("sums, averages and dense layers of bytes likewise", arguments: ["Add", "GlobalAveragePool", "MatMul"])
    func others(_ kind: String) throws {
        var model = dequantized()
        model.bytes("w", [Int8](repeating: 1, count: 8), [4, 2])
        model.node("DequantizeLinear", ["w", "s"], ["wf"])
        switch kind {
        case "Add": model.node(kind, ["f", "f"], ["c"])
        case "MatMul": model.node(kind, ["f", "wf"], ["c"])
        default: model.node(kind, ["f"], ["c"])
        }
        model.node("QuantizeLinear", ["c", "s", "z"], ["y"])
        model.output("y")
        var graph = try imported(model)
        #expect(try IntegerKernels.run(&graph) == 1)
        _ = DeadCodeRemoval.run(&graph)
        try graph.check()
        #expect(names(graph) == [["Add": "binary", "MatMul": "dense"][kind] ?? "averagePool"])
    }

    @Test("bytes are moved instead of floats")
    func movement() throws {
        var model = dequantized()
        model.node("Transpose", ["f"], ["t"], ["perm": .ints([0, 2, 3, 1])])
        model.node("QuantizeLinear", ["t", "s", "z"], ["y"])
        model.output("y")
        var graph = try imported(model)
        #expect(names(graph) == ["dequantize", "transpose", "quantize"])
        _ = try PassPipeline.run(&graph)
        try graph.check()
        #expect(names(graph) == ["transpose"])
        #expect(graph[graph.nodes[0].outputs[0]].elementType == .int8)
    }

    @Test("functions of one element between bytes become a table")
    func lookup() throws {
        var model = dequantized()
        model.node("Sigmoid", ["f"], ["g"])
        model.node("Neg", ["g"], ["n"])
        model.floats("small", [1 / 128], [])
        model.node("QuantizeLinear", ["n", "small", "z"], ["y"])
        model.output("y")
        var graph = try imported(model)
        _ = try PassPipeline.run(&graph)
        try graph.check()
        #expect(names(graph) == ["lookup"])
        let table = try #require(graph.constant(graph.nodes[0].inputs[1])?.integers)
        // The entry of 3, which means 0: −sigmoid(0)·128 + 3.
        #expect(table.count == 256 && table[131] == -61)
    }

    @Test(
        "scales and zero points that no kernel takes are refused, never computed with wrongly",
        arguments: ["blocks", "axis", "count", "negative", "type", "activation type"])
    func refused(_ kind: String) {
        var model = TestModel(operatorSet: 21)
        model.graph.inputs.append(ONNXValueInfo(name: "x", elementType: .int8, dims: [1, 2, 4, 4]))
        model.floats("s", kind == "negative" ? [-0.5, 1] : [0.5, 1], [2])
        model.floats("b", [Float](repeating: 1, count: 8), [1, 2, 4, 1])
        model.bytes("z", kind == "count" ? [3, 4, 5] : [3, 4], kind == "count" ? [3] : [2])
        switch kind {
        case "blocks":
            model.node("DequantizeLinear", ["x", "b"], ["f"], ["axis": .int(3), "block_size": .int(3)])
        case "axis": model.node("DequantizeLinear", ["x", "s", "z"], ["f"], ["axis": .int(2)])
        case "type":
            model.node("DequantizeLinear", ["x", "s", "z"], ["f"], ["axis": .int(1), "output_dtype": .int(10)])
        default: model.node("DequantizeLinear", ["x", "s", "z"], ["f"], ["axis": .int(1)])
        }
        if kind == "activation type" {
            model.node("QuantizeLinear", ["f", "s"], ["y"], ["axis": .int(1), "output_dtype": .int(21)])
            model.output("y")
        } else {
            model.output("f")
        }
        #expect(throws: CompileError.self) { try ModelCompiler.compile(model.onnx) }
    }
}

extension TestModel {
    /// An int8 initializer.
    mutating func bytes(_ name: String, _ values: [Int8], _ dims: [Int]) {
        graph.initializers.append(
            ONNXTensor(
                name: name, elementType: .int8, dims: dims, content: .raw(values.map { UInt8(bitPattern: $0) })))
    }
}
