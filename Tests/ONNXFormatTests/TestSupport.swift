import Foundation
import ONNXFormat

/// The models under Tests/Fixtures/models.
enum Fixture: String, CaseIterable, Sendable {
    case ad = "ad_fp32"
    case kws = "kws_fp32"
    case ic = "ic_fp32"

    func bytes() throws -> [UInt8] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return Array(try Data(contentsOf: folder.appending(path: "Fixtures/models/\(rawValue).onnx")))
    }
}

/// A model that uses every kind of attribute, type and tensor content.
func modelWithEverything() -> ONNXModel {
    let tensor = ONNXTensor(name: "t", dims: [2], floats: [1, 2])
    let inner = ONNXGraph(name: "inner", nodes: [ONNXNode("Identity", inputs: ["x"], outputs: ["y"])])
    let sparse = ONNXSparseTensor(
        values: ONNXTensor(dims: [1], floats: [5]), indices: ONNXTensor(dims: [1], int64s: [3]), dims: [4])
    let type = ONNXType.sequence(.map(key: .int64, value: .optional(.tensor(.float, shape: ["N", 3, .unknown]))))
    let values: [ONNXAttribute.Value] = [
        .float(1.5), .int(-7), .string([0xFF, 0x00]), .tensor(tensor), .graph(inner), .sparseTensor(sparse),
        .type(type), .floats([1, -2]), .ints([1, -2, 1 << 40]), .strings([[1], []]), .tensors([tensor, tensor]),
        .graphs([inner]), .sparseTensors([sparse]), .types([type, .undefined]), .reference("alpha", kind: 1),
        .floats([]), .ints([]), .strings([]),
    ]
    let node = ONNXNode(
        "Everything", name: "all", domain: "test", overload: "o", inputs: ["x", "", "t"], outputs: ["y", ""],
        attributes: values.enumerated().map { ONNXAttribute("a\($0.offset)", $0.element, documentation: "note") },
        documentation: "a node")
    let texts = ONNXTensor(
        name: "texts", elementType: .string, dims: [2], content: .strings([[0x61], [0xC3, 0x28]]))
    let external = ONNXTensor(
        name: "far", elementType: .float, dims: [9],
        content: .external([ONNXMetadata(key: "location", value: "weights.bin")]))
    let nibbles = ONNXTensor(name: "four", elementType: .int4, dims: [3], content: .raw([0x21, 0x03]))
    return ONNXModel(
        irVersion: 9, operatorSets: [ONNXOperatorSet(version: 21), ONNXOperatorSet(domain: "test", version: 1)],
        producerName: "tests", producerVersion: "1", domain: "org.martlet", modelVersion: 3, documentation: "doc",
        metadata: [ONNXMetadata(key: "k", value: "v")],
        graph: ONNXGraph(
            name: "g", nodes: [node], initializers: [tensor, texts, external, nibbles], sparseInitializers: [sparse],
            inputs: [ONNXValueInfo(name: "x", elementType: .float, dims: ["N", 2])],
            outputs: [ONNXValueInfo(name: "y", type: .sparseTensor(.double, shape: nil))],
            valueInfo: [ONNXValueInfo(name: "z", type: nil, documentation: "unknown")], documentation: "graph"),
        functions: [
            ONNXFunction(
                name: "f", domain: "test", overload: "o", inputs: ["a"], outputs: ["b"], attributes: ["alpha"],
                defaultAttributes: [ONNXAttribute("beta", .int(1))], nodes: [node],
                operatorSets: [ONNXOperatorSet(version: 21)],
                valueInfo: [ONNXValueInfo(name: "a", elementType: .bool, dims: [])], documentation: "function")
        ])
}
