import ModelCompiler
import ONNXFormat
import Testing

@Suite("Import of ONNX models")
struct ImportTests {
    private func failure(_ model: TestModel, dims: [String: Int] = [:]) -> CompileError? {
        do throws(CompileError) {
            _ = try ModelCompiler.compile(model.onnx, options: CompileOptions(dims: dims))
            return nil
        } catch {
            return error
        }
    }

    @Test("all unsupported nodes are listed at once, with name, operator, version and help")
    func unsupported() {
        var model = TestModel()
        model.input("x", [1, 2, 4, 4])
        model.node("Scan", ["x"], ["a"])
        model.node("Relu", ["a"], ["b"])
        model.node("QAttention", ["b"], ["c"], domain: "com.microsoft")
        model.node("Reshape", ["x", "x"], ["d"])
        model.node("Unique", ["d"], ["e"])
        model.output("e")
        guard case .unsupported(let nodes) = failure(model) else {
            Issue.record("not refused as unsupported")
            return
        }
        #expect(nodes.map(\.operatorType) == ["Scan", "com.microsoft.QAttention", "Reshape", "Unique"])
        #expect(nodes.map(\.name) == ["Scan_0", "QAttention_2", "Reshape_3", "Unique_4"])
        #expect(nodes.map(\.version) == [17, 0, 17, 17])
        #expect(nodes[2].reason.contains("shape"))
        #expect(nodes.allSatisfy { !$0.help.isEmpty })
    }

    @Test("an operator that is younger than the model's operator set is unsupported")
    func tooYoung() {
        var model = TestModel(operatorSet: 17)
        model.input("x", [4])
        model.node("Gelu", ["x"], ["y"])
        model.output("y")
        guard case .unsupported(let nodes) = failure(model) else {
            Issue.record("not refused")
            return
        }
        #expect(nodes.map(\.operatorType) == ["Gelu"])
    }

    @Test("operator sets outside the known range are refused", arguments: [Int64(29), 0])
    func operatorSets(version: Int64) {
        var model = TestModel(operatorSet: version)
        model.input("x", [1])
        model.output("x")
        #expect(failure(model) == .operatorSet(version: Int(version)))
    }

    private func relu(_ dims: [ONNXDimension]) -> TestModel {
        var model = TestModel()
        model.input("x", dims)
        model.node("Relu", ["x"], ["y"])
        model.output("y")
        return model
    }

    @Test("an open first dimension is a batch of one, unless it is bound")
    func batch() throws {
        let model = relu(["N", 3]).onnx
        #expect(try ModelCompiler.compile(model).report.inputs[0].shape == [1, 3])
        let bound = try ModelCompiler.compile(model, options: CompileOptions(dims: ["N": 8]))
        #expect(bound.report.outputs[0].shape == [8, 3])
        let byPlace = try ModelCompiler.compile(relu([.unknown, 3]).onnx, options: CompileOptions(dims: ["x.0": 4]))
        #expect(byPlace.report.inputs[0].shape == [4, 3])
    }

    @Test("any other open dimension must be bound, and bindings must fit")
    func openDimensions() throws {
        #expect(failure(relu([1, "time"])) == .unboundDimension(input: "x", axis: 1, symbol: "time"))
        #expect(failure(relu([1, .unknown])) == .unboundDimension(input: "x", axis: 1, symbol: ""))
        #expect(failure(relu([1, "time"]), dims: ["time": 5]) == nil)
        for dims in [["width": 5, "time": 2], ["time": -1], ["time": 1 << 40]] {
            guard case .option = failure(relu([1, "time"]), dims: dims) else {
                Issue.record("\(dims) accepted")
                return
            }
        }
    }

    @Test(
        "a model that contradicts itself is refused",
        arguments: [
            "unknown value", "given twice", "no output", "shapes differ", "bad axis", "missing input",
        ])
    func invalid(_ fault: String) {
        var model = TestModel()
        model.input("x", [2, 3])
        model.floats("w", [1, 2], [2])
        switch fault {
        case "unknown value": model.node("Relu", ["nowhere"], ["y"])
        case "given twice": model.node("Relu", ["x"], ["x"])
        case "shapes differ": model.node("Add", ["x", "w"], ["y"])
        case "bad axis": model.node("Softmax", ["x"], ["y"], ["axis": .int(2)])
        case "missing input": model.node("Add", ["x"], ["y"])
        default: model.node("Relu", ["x"], ["y"])
        }
        if fault != "no output" { model.output("y") }
        guard case .invalidModel = failure(model) else {
            Issue.record("\(fault) was not refused: \(String(describing: failure(model)))")
            return
        }
    }

    @Test(
        "what has no kernel is refused by type, rank and mode",
        arguments: ["six axes", "training", "computed k", "int softmax"])
    func limits(_ fault: String) {
        var model = TestModel(operatorSet: fault == "training" ? 13 : 17)
        model.input("x", fault == "six axes" ? [1, 1, 2, 2, 2, 2, 2, 2] : [1, 1, 4, 4, 4])
        switch fault {
        case "six axes":
            model.node("MaxPool", ["x"], ["y"], ["kernel_shape": .ints([2, 2, 2, 2, 2, 2])])
        case "training":
            for name in ["s", "b", "m", "v"] { model.floats(name, [1], [1]) }
            model.node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y", "running"])
        case "computed k":
            model.node("TopK", ["x", "x"], ["y", "i"])
        default:
            model.node("Cast", ["x"], ["z"], ["to": .int(7)])
            model.node("Softmax", ["z"], ["y"])
        }
        model.output("y")
        guard case .unsupported(let nodes) = failure(model) else {
            Issue.record("\(fault) was not refused")
            return
        }
        #expect(nodes.count == 1)
    }

    @Test("folding stops at its limit")
    func foldingLimit() throws {
        var model = TestModel()
        model.input("x", [1])
        model.integers("shape", [1 << 10, 1 << 10])
        model.node("ConstantOfShape", ["shape"], ["zeros"])
        model.node("ReduceSum", ["zeros"], ["sum"], ["keepdims": .int(0)])
        model.node("Add", ["x", "sum"], ["y"])
        model.output("y")
        #expect(try evaluate(model.onnx, [[3]]) == [[3]])
        guard
            case .unsupported = {
                do throws(CompileError) {
                    _ = try ModelCompiler.compile(model.onnx, options: CompileOptions(maximumFoldedBytes: 1 << 20))
                    return CompileError?.none
                } catch { return error }
            }()
        else {
            Issue.record("4 MiB folded within 1 MiB")
            return
        }
    }

    @Test("defaults of inputs (IR version 3) are constants")
    func defaults() throws {
        var model = TestModel()
        model.input("x", [2])
        model.input("w", [2])
        model.floats("w", [3, 4], [2])
        model.node("Mul", ["x", "w"], ["y"])
        model.output("y")
        #expect(try evaluate(model.onnx, [[5, 6]]) == [[15, 24]])
    }
}
