import EdgeRuntime
import Foundation
import ModelCompiler
import ModelImage
import ONNXFormat

/// The folder Tests/Fixtures.
let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures")

/// A model of one float input and the given nodes, in a row of single results unless they name their own.
struct TestModel {
    var graph = ONNXGraph(name: "test")
    var operatorSet: Int64 = 17

    init(operatorSet: Int64 = 17) {
        self.operatorSet = operatorSet
    }

    mutating func input(_ name: String, _ dims: [ONNXDimension]) {
        graph.inputs.append(ONNXValueInfo(name: name, elementType: .float, dims: dims))
    }

    mutating func floats(_ name: String, _ values: [Float], _ dims: [Int]) {
        graph.initializers.append(ONNXTensor(name: name, dims: dims, floats: values))
    }

    mutating func integers(_ name: String, _ values: [Int64]) {
        graph.initializers.append(ONNXTensor(name: name, dims: [values.count], int64s: values))
    }

    mutating func node(
        _ type: String, _ inputs: [String], _ outputs: [String], _ attributes: [String: ONNXAttribute.Value] = [:],
        domain: String = ""
    ) {
        graph.nodes.append(
            ONNXNode(
                type, name: "\(type)_\(graph.nodes.count)", domain: domain, inputs: inputs, outputs: outputs,
                attributes: attributes.sorted { $0.key < $1.key }.map { ONNXAttribute($0.key, $0.value) }))
    }

    mutating func output(_ name: String) {
        graph.outputs.append(ONNXValueInfo(name: name, type: nil))
    }

    var onnx: ONNXModel {
        ONNXModel(operatorSets: [ONNXOperatorSet(version: operatorSet)], graph: graph)
    }
}

/// Runs an image once and returns the bytes of each output.
func run(_ image: [UInt8], inputs: [[UInt8]]) throws -> [[UInt8]] {
    let memory = ImageMemory(copying: image)
    var model = try Model(bytes: memory.bytes)
    for (port, input) in inputs.enumerated() {
        model.withInput(port) { $0.copyBytes(from: input) }
    }
    model.run()
    return model.outputs.indices.map { port in model.withOutput(port) { Array($0) } }
}

/// Compiles a model and runs it on floats; float results only.
func evaluate(_ onnx: ONNXModel, _ inputs: [[Float]], options: CompileOptions = CompileOptions()) throws -> [[Float]] {
    let compiled = try ModelCompiler.compile(onnx, options: options)
    let outputs = try run(compiled.imageBytes, inputs: inputs.map { $0.withUnsafeBytes { Array($0) } })
    return outputs.map(floats)
}

/// Little-endian bytes as floats.
func floats(_ bytes: [UInt8]) -> [Float] {
    bytes.withUnsafeBytes { source in
        (0..<bytes.count / 4).map { source.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
    }
}
