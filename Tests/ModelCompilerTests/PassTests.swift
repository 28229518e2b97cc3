import ModelImage
import ONNXFormat
import Testing

@testable import ModelCompiler

@Suite("Compiler passes")
struct PassTests {
    private func imported(_ model: TestModel) throws -> Graph {
        try Importer.graph(of: model.onnx, options: CompileOptions())
    }

    private func names(_ graph: Graph) -> [String] {
        graph.nodes.map { node in
            let name = "\(node.operation)".prefix { $0 != "(" }
            return node.activation == .none || node.operation == .unary
                ? String(name) : "\(name)+\(node.activation.function)"
        }
    }

    /// `x[1, 2, 4, 4]` through a convolution of two filters to `c`.
    private func convolution() -> TestModel {
        var model = TestModel()
        model.input("x", [1, 2, 4, 4])
        model.floats("w", [1, 2, 3, 4], [2, 2, 1, 1])
        model.node("Conv", ["x", "w"], ["c"])
        return model
    }

    @Test("what depends on no input is computed by the import")
    func constantFolding() throws {
        var model = TestModel()
        model.input("x", [2, 3, 4])
        model.integers("zero", [0])
        model.integers("rest", [-1])
        model.node("Shape", ["x"], ["s"])
        model.node("Gather", ["s", "zero"], ["batch"])
        model.node("Concat", ["batch", "rest"], ["target"], ["axis": .int(0)])
        model.node("Reshape", ["x", "target"], ["y"])
        model.output("y")
        let graph = try imported(model)
        #expect(names(graph) == ["reshape"])
        #expect(graph.shape(graph.outputs[0].value) == [2, 12])
    }

    @Test("nodes whose results nobody reads are removed")
    func deadCode() throws {
        var model = convolution()
        model.node("Relu", ["x"], ["unused"])
        model.node("Exp", ["unused"], ["unused too"])
        model.output("c")
        var graph = try imported(model)
        #expect(names(graph) == ["convolution", "unary", "unary"])
        #expect(DeadCodeRemoval.run(&graph) == 2)
        #expect(names(graph) == ["convolution"])
        #expect(DeadCodeRemoval.run(&graph) == 0)
    }

    @Test("operations that change nothing are removed")
    func noOps() throws {
        var model = TestModel()
        model.input("x", [2, 3])
        model.floats("one", [1], [1])
        model.integers("same", [2, 3])
        model.integers("flat", [6])
        model.node("Identity", ["x"], ["a"])
        model.node("Mul", ["a", "one"], ["b"])
        model.node("Transpose", ["b"], ["c"], ["perm": .ints([0, 1])])
        model.node("Reshape", ["c", "flat"], ["d"])
        model.node("Reshape", ["d", "same"], ["e"])
        model.node("Relu", ["e"], ["y"])
        model.output("y")
        var graph = try imported(model)
        #expect(names(graph) == ["binary", "transpose", "reshape", "reshape", "unary"])
        while NoOpElimination.run(&graph) + DeadCodeRemoval.run(&graph) > 0 {}
        try graph.check()
        #expect(names(graph) == ["unary"])
        #expect(graph.nodes[0].inputs == [graph.inputs[0]])
    }

    @Test("a transpose that moves only axes of extent 1 is a reshape")
    func transposeOfOnes() throws {
        var model = TestModel()
        model.input("x", [3, 1, 1, 5])
        model.node("Transpose", ["x"], ["y"], ["perm": .ints([2, 0, 3, 1])])
        model.output("y")
        var graph = try imported(model)
        #expect(NoOpElimination.run(&graph) == 1)
        #expect(names(graph) == ["reshape"])
    }

    @Test("normalisation and arithmetic behind a convolution go into its weights")
    func affineFolding() throws {
        var model = convolution()
        model.floats("scale", [2, 3], [2])
        model.floats("shift", [1, 1], [2])
        model.floats("mean", [0, 4], [2])
        model.floats("variance", [0, 0], [2])
        model.floats("half", [0.5], [])
        model.node("BatchNormalization", ["c", "scale", "shift", "mean", "variance"], ["n"], ["epsilon": .float(1)])
        model.node("Mul", ["n", "half"], ["y"])
        model.output("y")
        var graph = try imported(model)
        #expect(names(graph) == ["convolution", "affine", "binary"])
        #expect(AffineFolding.run(&graph) == 2)
        try graph.check()
        #expect(names(graph) == ["convolution"])
        // ((w·x − mean)·scale + shift) / 2
        #expect(graph.constant(graph.nodes[0].inputs[1])?.floats == [1, 2, 4.5, 6])
        #expect(graph.constant(graph.nodes[0].inputs[2])?.floats == [0.5, -5.5])
    }

    @Test("a constant that varies within a channel, or a result that others read, is not folded")
    func affineNotFolded() throws {
        var model = convolution()
        model.floats("plane", [Float](repeating: 2, count: 16), [4, 4])
        model.node("Mul", ["c", "plane"], ["y"])
        model.output("y")
        var graph = try imported(model)
        #expect(AffineFolding.run(&graph) == 0)

        var shared = convolution()
        shared.floats("two", [2], [])
        shared.node("Mul", ["c", "two"], ["y"])
        shared.output("y")
        shared.output("c")
        graph = try imported(shared)
        #expect(AffineFolding.run(&graph) == 0)
    }

    @Test("an activation is fused into the only operation that it follows")
    func activationFusion() throws {
        var model = convolution()
        model.node("Relu", ["c"], ["r"])
        model.node("Sigmoid", ["r"], ["y"])
        model.output("y")
        var graph = try imported(model)
        #expect(ActivationFusion.run(&graph) == 1)
        try graph.check()
        #expect(names(graph) == ["convolution+relu", "unary"])

        var shared = convolution()
        shared.node("Relu", ["c"], ["r"])
        shared.node("Add", ["c", "r"], ["y"])
        shared.output("y")
        graph = try imported(shared)
        #expect(ActivationFusion.run(&graph) == 0)
    }

    @Test("convolutions get their channels last, and transposes between them cancel")
    func layout() throws {
        var model = convolution()
        model.node("Relu", ["c"], ["r"])
        model.node("Conv", ["r", "w"], ["d"])
        model.node("Add", ["r", "d"], ["y"])
        model.output("y")
        var graph = try imported(model)
        #expect(try LayoutChoice.run(&graph) == 2)
        try graph.check()
        #expect(
            names(graph) == [
                "transpose", "convolution", "transpose", "unary", "transpose", "convolution", "transpose", "binary",
            ])
        _ = try PassPipeline.run(&graph)
        try graph.check()
        #expect(names(graph) == ["transpose", "convolution+relu", "convolution", "transpose"])
    }

    @Test(
        "a transpose sinks through operations that work on any order of axes",
        arguments: [
            "softmax", "reduce", "argMax", "slice", "pad", "concat", "binary", "affine",
        ])
    func sinking(_ kind: String) throws {
        var model = TestModel()
        model.input("x", [2, 3, 4])
        model.node("Transpose", ["x"], ["t"], ["perm": .ints([2, 0, 1])])  // [4, 2, 3]
        switch kind {
        case "softmax": model.node("Softmax", ["t"], ["y"], ["axis": .int(2)])
        case "reduce": model.node("ReduceMax", ["t"], ["y"], ["axes": .ints([1]), "keepdims": .int(0)])
        case "argMax": model.node("ArgMax", ["t"], ["y"], ["axis": .int(1), "keepdims": .int(0)])
        case "slice":
            model.integers("s", [1])
            model.integers("e", [3])
            model.node("Slice", ["t", "s", "e"], ["y"])
        case "pad":
            model.integers("p", [1, 0, 0, 0, 0, 2])
            model.node("Pad", ["t", "p"], ["y"])
        case "concat": model.node("Concat", ["t", "t"], ["y"], ["axis": .int(1)])
        case "affine":
            for name in ["g", "b", "m", "v"] { model.floats(name, [1, 2], [2]) }
            model.node("BatchNormalization", ["t", "g", "b", "m", "v"], ["y"])
        default:
            model.floats("c", [1, 2, 3], [3])
            model.node("Add", ["t", "c"], ["y"])
        }
        model.output("y")
        var graph = try imported(model)
        let shape = graph.shape(graph.outputs[0].value)
        #expect(try TransposeSinking.run(&graph) == 1)
        _ = DeadCodeRemoval.run(&graph)
        try graph.check()
        #expect(names(graph) == [kind, "transpose"])
        #expect(graph.shape(graph.outputs[0].value) == shape)
        #expect(graph.nodes[0].inputs[0] == graph.inputs[0])
    }

    @Test("the order of a flattened image goes into the rows of the dense layer behind it")
    func transposeIntoDense() throws {
        var model = TestModel()
        model.input("x", [1, 2, 3])
        model.floats("w", [1, 2, 3, 4, 5, 6], [6, 1])
        model.node("Transpose", ["x"], ["t"], ["perm": .ints([0, 2, 1])])
        model.node("Flatten", ["t"], ["f"])
        model.node("MatMul", ["f", "w"], ["y"])
        model.output("y")
        var graph = try imported(model)
        #expect(names(graph) == ["transpose", "reshape", "dense"])
        #expect(try TransposeIntoDense.run(&graph) == 1)
        _ = DeadCodeRemoval.run(&graph)
        try graph.check()
        #expect(names(graph) == ["reshape", "dense"])
        // Row 2·j + i of the old weights stood for x[i, j].
        #expect(graph.constant(graph.nodes[1].inputs[1])?.floats == [1, 3, 5, 2, 4, 6])
    }

    @Test("every pass leaves a random graph valid, and the pipeline comes to rest", arguments: PeerCase.all.prefix(60))
    func invariants(_ peer: PeerCase) throws {
        var graph = try Importer.graph(of: try peer.onnx(), options: CompileOptions())
        try graph.check()
        for _ in 0..<3 {
            for pass in PassPipeline.passes {
                _ = try pass.run(&graph)
                try graph.check()
            }
        }
        _ = try PassPipeline.run(&graph)
        #expect(try PassPipeline.run(&graph).allSatisfy { $0 == 0 })
    }
}
