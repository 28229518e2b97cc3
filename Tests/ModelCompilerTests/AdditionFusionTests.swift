import ModelImage
import ONNXFormat
import Testing

@testable import ModelCompiler

@Suite("Additions behind layers")
struct AdditionFusionTests {
    /// The model's graph after all passes.
    private func compiled(_ model: TestModel) throws -> Graph {
        var graph = try Importer.graph(of: model.onnx, options: CompileOptions())
        _ = try PassPipeline.run(&graph)
        try graph.check()
        return graph
    }

    private func names(_ graph: Graph) -> [String] {
        graph.nodes.map { String("\($0.operation)".prefix { $0 != "(" }) }
    }

    /// `x[1, 2, 4, 4]` through a convolution to `c`, and through another of `groups` to `d`.
    private func twoConvolutions(groups: Int = 1) -> TestModel {
        var model = TestModel()
        model.input("x", [1, 2, 4, 4])
        model.floats("w", [1, 2, 3, 4], [2, 2, 1, 1])
        model.floats("v", [Float](repeating: 1, count: 4 / groups), [2, 2 / groups, 1, 1])
        model.node("Conv", ["x", "w"], ["c"])
        model.node("Relu", ["c"], ["r"])
        model.node("Conv", ["r", "v"], ["d"], ["group": .int(Int64(groups))])
        return model
    }

    @Test("the end of a residual block is part of its last convolution, with the activation behind it")
    func residual() throws {
        var model = twoConvolutions()
        model.node("Add", ["r", "d"], ["s"])
        model.node("Relu", ["s"], ["y"])
        model.output("y")
        let graph = try compiled(model)
        #expect(names(graph) == ["transpose", "convolution", "convolution", "transpose"])
        let last = graph.nodes[2]
        #expect(last.activation.function == .relu)
        #expect(last.inputs.count == 4 && last.inputs[2] == nil)
        #expect(last.inputs[3] == graph.nodes[1].output)
    }

    @Test("of two layers the later one adds the other's result, whichever comes first in the addition")
    func twoLayers() throws {
        var model = TestModel()
        model.input("x", [3, 2])
        model.floats("w", [1, 2, 3, 4], [2, 2])
        model.node("MatMul", ["x", "w"], ["a"])
        model.node("Exp", ["x"], ["e"])
        model.node("MatMul", ["e", "w"], ["b"])
        model.node("Add", ["b", "a"], ["y"])
        model.output("y")
        let graph = try compiled(model)
        #expect(names(graph) == ["dense", "unary", "dense"])
        #expect(graph.nodes[2].inputs[3] == graph.nodes[0].output)
    }

    @Test("a result that others read, a broadcast and a depthwise convolution stay as they are")
    func notFused() throws {
        var shared = twoConvolutions()
        shared.node("Add", ["r", "d"], ["y"])
        shared.output("y")
        shared.output("d")
        #expect(names(try compiled(shared)).contains("binary"))

        var broadcast = twoConvolutions()
        broadcast.input("row", [4])
        broadcast.node("Add", ["d", "row"], ["y"])
        broadcast.output("y")
        #expect(names(try compiled(broadcast)).contains("binary"))

        var depthwise = twoConvolutions(groups: 2)
        depthwise.node("Add", ["r", "d"], ["y"])
        depthwise.output("y")
        #expect(names(try compiled(depthwise)).contains("binary"))
    }

    @Test("a scale behind the addition is not folded into the weights alone")
    func scaledSum() throws {
        var model = twoConvolutions()
        model.floats("two", [2], [])
        model.node("Add", ["r", "d"], ["s"])
        model.node("Mul", ["s", "two"], ["y"])
        model.output("y")
        let graph = try compiled(model)
        #expect(names(graph).filter { $0 == "binary" }.count == 1)
        #expect(graph.nodes.contains { $0.inputs.count == 4 })
    }
}
