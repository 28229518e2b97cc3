import EdgeRuntime
import Foundation
import ModelCompiler
import ModelImage
import ONNXFormat
import Testing

@testable import ModelTools

/// A folder that goes with the test.
struct Scratch: ~Copyable {
    let path: String

    init() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        path = folder.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// `y = relu(x + [1, -1])` over `[N, 2]`, and `z = x · 2`.
func smallModel() -> ONNXModel {
    let float: ONNXElementType = .float
    let shape: [ONNXDimension] = [.symbol("N"), .value(2)]
    var graph = ONNXGraph(name: "small")
    graph.initializers = [
        ONNXTensor(name: "bias", dims: [2], floats: [1, -1]), ONNXTensor(name: "two", dims: [], floats: [2]),
    ]
    graph.inputs = [ONNXValueInfo(name: "x", elementType: float, dims: shape)]
    graph.outputs = [
        ONNXValueInfo(name: "y", elementType: float, dims: shape),
        ONNXValueInfo(name: "z/0", elementType: float, dims: shape),
    ]
    graph.nodes = [
        ONNXNode("Add", name: "add", inputs: ["x", "bias"], outputs: ["sum"]),
        ONNXNode("Relu", name: "relu", inputs: ["sum"], outputs: ["y"]),
        ONNXNode("Mul", name: "double", inputs: ["x", "two"], outputs: ["z/0"]),
    ]
    return ONNXModel(operatorSets: [ONNXOperatorSet(version: 17)], graph: graph)
}

@Suite("Running models over NumPy files")
struct ModelRunTests {
    private func write(_ model: ONNXModel, in folder: String) throws -> String {
        let path = "\(folder)/model.onnx"
        try ToolFile.write(model.serialized(), to: path)
        return path
    }

    @Test("an ONNX file runs over an array, whose extents bind open dimensions")
    func once() throws {
        let folder = try Scratch()
        let path = try write(smallModel(), in: folder.path)
        let x = NPYArray([1, 2, -3, 4], shape: [2, 2])
        var loaded = try LoadedModel(path: path, inputs: ["x": x])
        let outputs = try ModelRun.run(&loaded, inputs: ["x": x])
        #expect(outputs.map(\.name) == ["y", "z/0"])
        #expect(outputs[0].array == NPYArray([2, 1, 0, 3], shape: [2, 2]))
        #expect(outputs[1].array == NPYArray([2, 4, -6, 8], shape: [2, 2]))
    }

    @Test("an image runs as its ONNX file does, and takes no dimensions")
    func image() throws {
        let folder = try Scratch()
        let path = try write(smallModel(), in: folder.path)
        let compiled = try ModelFile.compile(smallModel(), dims: ["N": 1], path: path)
        let imagePath = "\(folder.path)/model.image"
        try ToolFile.write(compiled.imageBytes, to: imagePath)
        var loaded = try LoadedModel(path: imagePath)
        let x = NPYArray([1, 2], shape: [1, 2])
        #expect(try ModelRun.run(&loaded, inputs: ["x": x])[0].array.floats == [2, 1])
        #expect(throws: ModelToolsError.self) { _ = try LoadedModel(path: imagePath, dims: ["N": 1]) }
    }

    @Test("every mistake says what would help")
    func mistakes() throws {
        let folder = try Scratch()
        let path = try write(smallModel(), in: folder.path)
        var loaded = try LoadedModel(path: path)
        let right = NPYArray([1, 2], shape: [1, 2])
        let wrong: [([String: NPYArray], String)] = [
            ([:], "--input x=FILE.npy"),
            (["q": right, "x": right], "no input \"q\"; its inputs are \"x\" (float32 [1, 2])"),
            (["x": NPYArray([1, 2], shape: [2])], "shape [1, 2], the file [2]"),
            (
                ["x": NPYArray(type: .float64, shape: [1, 2], bytes: [UInt8](repeating: 0, count: 16))],
                "save array.astype(numpy.float32)"
            ),
        ]
        for (inputs, reason) in wrong {
            do {
                _ = try ModelRun.run(&loaded, inputs: inputs)
                Issue.record("\(reason) was not noticed")
            } catch {
                #expect(error.reason.contains(reason), "\(error.reason)")
            }
        }
        for (file, reason) in [
            ("\(folder.path)/none.onnx", "no such file"), (folder.path, "is a folder"),
        ] {
            do {
                _ = try LoadedModel(path: file)
                Issue.record("\(reason) was not noticed")
            } catch {
                #expect(error.reason.contains(reason), "\(error.reason)")
            }
        }
    }

    @Test("rows are streamed through a model of any batch size", arguments: [1, 2, 3, 7, 16])
    func batch(size: Int) throws {
        let folder = try Scratch()
        let path = try write(smallModel(), in: folder.path)
        let values = (0..<14).map { Float($0) - 5 }
        try ToolFile.write(NPYArray(values, shape: [7, 2]).encoded, to: "\(folder.path)/rows.npy")
        var loaded = try LoadedModel(path: path, dims: ["N": size])
        let run = try BatchRun(path: "\(folder.path)/rows.npy", input: nil, fixed: [:], model: loaded)
        let summary = try run.run(&loaded, folder: "\(folder.path)/out")
        #expect(summary.rows == 7)
        #expect(summary.runs == (7 + size - 1) / size)
        #expect(summary.files.map(\.output) == ["y", "z/0"])
        let doubled = try ToolFile.array("\(folder.path)/out/z_0.npy")
        #expect(doubled == NPYArray(values.map { $0 * 2 }, shape: [7, 2]))
        let files = try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/out").sorted()
        #expect(files == ["y.npy", "z_0.npy"])
    }

    @Test("rows that do not fit are refused, and whole inputs may be rows")
    func batchShapes() throws {
        let folder = try Scratch()
        let path = try write(smallModel(), in: folder.path)
        var loaded = try LoadedModel(path: path, dims: ["N": 2])
        let file = "\(folder.path)/rows.npy"
        try ToolFile.write(NPYArray((0..<8).map { Float($0) }, shape: [2, 2, 2]).encoded, to: file)
        let summary = try BatchRun(path: file, input: "x", fixed: [:], model: loaded).run(&loaded, folder: folder.path)
        #expect(summary.runs == 2)
        #expect(try ToolFile.array("\(folder.path)/z_0.npy").shape == [2, 2, 2])
        let wrong: [(NPYArray, String)] = [
            (NPYArray([1, 2, 3], shape: [1, 3]), "rows must fit"), (NPYArray([1], shape: []), "at least one axis"),
            (NPYArray(type: .int32, shape: [1, 2], bytes: [UInt8](repeating: 0, count: 8)), "astype(numpy.float32)"),
        ]
        for (array, reason) in wrong {
            try ToolFile.write(array.encoded, to: file)
            let error = #expect(throws: ModelToolsError.self) {
                _ = try BatchRun(path: file, input: nil, fixed: [:], model: loaded)
            }
            #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
        }
        try ToolFile.write(Array(NPYArray([1, 2], shape: [1, 2]).encoded.dropLast()), to: file)
        #expect(throws: ModelToolsError.self) { _ = try BatchRun(path: file, input: nil, fixed: [:], model: loaded) }
    }

    @Test("weights in a file beside the model are read, and only from its folder")
    func externalData() throws {
        let folder = try Scratch()
        var model = smallModel()
        func place(_ location: String, offset: Int, length: Int? = nil) throws -> String {
            let entries = [
                ONNXMetadata(key: "location", value: location), ONNXMetadata(key: "offset", value: "\(offset)"),
            ]
            model.graph.initializers[0].content = .external(
                entries + (length.map { [ONNXMetadata(key: "length", value: "\($0)")] } ?? []))
            return try write(model, in: folder.path)
        }
        let weights = ONNXTensor(name: "bias", dims: [2], floats: [1, -1])
        guard case .raw(let bytes) = weights.content else { return }
        try ToolFile.write([UInt8](repeating: 9, count: 16) + bytes, to: "\(folder.path)/model.onnx.data")
        let path = try place("model.onnx.data", offset: 16, length: 8)
        #expect(try ModelFile.onnx(ToolFile.read(path), file: path).graph.initializers[0] == weights)
        let loaded = try LoadedModel(path: path, dims: ["N": 1])
        #expect(loaded.model.inputs.count == 1)
        for (location, offset, length) in [
            ("../model.onnx.data", 16, 8), ("/etc/passwd", 0, 8), ("missing.data", 0, 8), ("model.onnx.data", 20, 8),
            ("model.onnx.data", 16, 4), ("", 0, 8),
        ] {
            let path = try place(location, offset: offset, length: length)
            #expect(throws: ModelToolsError.self) { try ModelFile.onnx(ToolFile.read(path), file: path) }
        }
    }

    @Test("NaN stays in maxima and minima, and a sum of exponentials of nothing but -inf is -inf")
    func notFinite() throws {
        func results(_ node: ONNXNode, _ values: [[Float]], width: Int) throws -> [Float] {
            var graph = ONNXGraph(name: "g", nodes: [node])
            graph.inputs = node.inputs.enumerated().map {
                ONNXValueInfo(name: $1, elementType: .float, dims: [1, .value(values[$0].count)])
            }
            graph.outputs = [ONNXValueInfo(name: "y", elementType: .float, dims: [1, .value(width)])]
            let model = ONNXModel(operatorSets: [ONNXOperatorSet(version: 17)], graph: graph)
            var loaded = try LoadedModel(model, path: "g")
            for (port, row) in values.enumerated() {
                ModelRun.write(NPYArray(row, shape: [1, row.count]).bytes, to: port, of: &loaded.model, type: .float32)
            }
            loaded.model.run()
            return loaded.model.withOutput(0) { Array($0.assumingMemoryBound(to: Float.self)) }
        }
        let axis = ONNXAttribute("axes", .ints([1]))
        for count in [3, 9, 37] {
            var row = [Float](repeating: 1, count: count)
            row[count / 2] = .nan
            for name in ["ReduceMax", "ReduceMin"] {
                let node = ONNXNode(name, inputs: ["x"], outputs: ["y"], attributes: [axis])
                #expect(try results(node, [row], width: 1)[0].isNaN, "\(name) of \(count)")
            }
            let ones = [Float](repeating: 1, count: count)
            for name in ["Max", "Min"] {
                for operands in [[row, ones], [ones, row]] {
                    let node = ONNXNode(name, inputs: ["a", "b"], outputs: ["y"])
                    let found = try results(node, operands, width: count)
                    #expect(found.indices.allSatisfy { found[$0].isNaN == ($0 == count / 2) }, "\(name) of \(count)")
                }
            }
            let exponentials = ONNXNode("ReduceLogSumExp", inputs: ["x"], outputs: ["y"], attributes: [axis])
            let nothing = [Float](repeating: -.infinity, count: count)
            #expect(try results(exponentials, [nothing], width: 1) == [-.infinity])
        }
    }
}
