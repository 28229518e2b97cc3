import Foundation
import ONNXFormat
import Testing

@testable import ModelCompiler

/// A model of one node: what an operator needs to compile for a first operand of any type.
private struct Probe {
    let name: String
    let type: ONNXElementType
    private(set) var graph = ONNXGraph(name: "probe")
    private var inputs: [String] = []
    private var attributes: [ONNXAttribute] = []
    private var outputs = ["y"]

    init(_ name: String, _ type: ONNXElementType) {
        self.name = name
        self.type = type
        prepare()
    }

    /// A computed operand.
    private mutating func value(_ dims: [Int], _ type: ONNXElementType? = nil) {
        let value = "v\(inputs.count)"
        graph.inputs.append(
            ONNXValueInfo(name: value, elementType: type ?? self.type, dims: dims.map { .value($0) }))
        inputs.append(value)
    }

    /// A constant operand of zeros, or of ones if they are integers.
    private mutating func constant(_ dims: [Int]) {
        let value = "v\(inputs.count)"
        let bytes = [UInt8](repeating: 0, count: dims.reduce(type.bitWidth / 8, *))
        graph.initializers.append(
            ONNXTensor(name: value, elementType: type, dims: dims, content: .raw(bytes)))
        inputs.append(value)
    }

    private mutating func integers(_ values: [Int64]) {
        let value = "v\(inputs.count)"
        graph.initializers.append(ONNXTensor(name: value, dims: [values.count], int64s: values))
        inputs.append(value)
    }

    private mutating func floats(_ values: [Float], _ dims: [Int]) {
        let value = "v\(inputs.count)"
        graph.initializers.append(ONNXTensor(name: value, dims: dims, floats: values))
        inputs.append(value)
    }

    private mutating func attribute(_ name: String, _ value: ONNXAttribute.Value) {
        attributes.append(ONNXAttribute(name, value))
    }

    private mutating func prepare() {
        switch name {
        case "Add", "Sub", "Mul", "Div", "Pow", "Mod", "Sum", "Mean", "Max", "Min", "Equal", "Greater",
            "GreaterOrEqual",
            "Less", "LessOrEqual", "And", "Or", "Xor", "PRelu", "CastLike":
            for _ in 0..<2 { value([2, 3]) }
        case "Clip":
            value([2, 3])
            for _ in 0..<2 { value([]) }
        case "Where":
            inputs = ["condition"]
            graph.inputs.append(ONNXValueInfo(name: "condition", elementType: .bool, dims: [.value(3)]))
            for _ in 0..<2 { value([2, 3]) }
        case "Gemm", "MatMul":
            for _ in 0..<2 { value([3, 3]) }
        case "Conv", "ConvTranspose":
            value([1, 2, 5, 5])
            constant([2, 2, 3, 3])
        case "BatchNormalization", "InstanceNormalization", "LayerNormalization":
            value([1, 2, 4, 2])
            for _ in 0..<(name == "BatchNormalization" ? 4 : 2) { value([2]) }
        case "LRN":
            value([1, 2, 4, 2])
            attribute("size", .int(3))
        case "MaxPool", "AveragePool":
            value([1, 2, 4, 4])
            attribute("kernel_shape", .ints([2, 2]))
        case "DepthToSpace", "SpaceToDepth":
            value([1, 4, 4, 4])
            attribute("blocksize", .int(2))
        case "Dropout":
            value([2, 3])
            floats([0.5], [])
            value([], .bool)
        default: prepareMovement()
        }
    }

    private mutating func prepareMovement() {
        switch name {
        case "TopK":
            value([2, 3])
            integers([2])
            outputs = ["y", "indices"]
        case "NonMaxSuppression":
            value([1, 4, 4])
            value([1, 2, 4])
            integers([2])
        case "Reshape", "Expand":
            value([2, 3])
            integers(name == "Reshape" ? [3, 2] : [4, 2, 3])
        case "Unsqueeze", "Tile":
            value([2])
            integers(name == "Tile" ? [2] : [0])
        case "Split":
            value([2])
            integers([1, 1])
            outputs = ["y", "z"]
        case "Slice":
            value([4])
            for numbers: [Int64] in [[0], [2]] { integers(numbers) }
        case "Pad":
            value([4])
            integers([1, 2])
        case "Concat":
            for _ in 0..<2 { value([2, 3]) }
            attribute("axis", .int(0))
        case "Gather", "GatherElements", "GatherND":
            value([4, 1])
            value([2, 1], .int64)
        case "ScatterElements", "Scatter", "ScatterND":
            value([4])
            value(name == "ScatterND" ? [2, 1] : [2], .int64)
            value([2])
        case "Resize", "Upsample":
            value([1, 1, 4, 4])
            if name == "Resize" { inputs.append("") }
            floats([1, 1, 2, 2], [4])
            attribute("mode", .string(Array("linear".utf8)))
        case "DFT", "STFT":
            value([1, 8, 1])
            if name == "STFT" { integers([2]) }
            if name == "STFT" { constant([4]) }
        case "Cast":
            value([2, 3])
            attribute("to", .int(1))
        case "QuantizeLinear":
            value([2, 3])
            floats([0.5], [])
        case "If": prepareBranches()
        default: value([1, 2, 4, 4])
        }
    }

    /// Two branches that hand on a value from outside.
    private mutating func prepareBranches() {
        value([], .bool)
        graph.inputs.append(ONNXValueInfo(name: "x", elementType: type, dims: [.value(3)]))
        for (name, source) in [("then_branch", "x"), ("else_branch", "x")] {
            var branch = ONNXGraph(name: name)
            branch.nodes = [ONNXNode("Identity", inputs: [source], outputs: [name])]
            branch.outputs = [ONNXValueInfo(name: name, type: nil)]
            attribute(name, .graph(branch))
        }
    }

    var model: ONNXModel {
        var graph = graph
        graph.nodes = [ONNXNode(name, inputs: inputs, outputs: outputs, attributes: attributes)]
        graph.outputs = outputs.map { ONNXValueInfo(name: $0, type: nil) }
        let version: Int64 = ["Scatter": 10, "Upsample": 9][name] ?? (name == "STFT" || name == "DFT" ? 17 : 28)
        return ONNXModel(operatorSets: [ONNXOperatorSet(version: version)], graph: graph)
    }
}

@Suite("Element types of operators")
struct OperatorTypesTests {
    private static let types: [ONNXElementType] = [.float, .double, .int64, .int32, .int8, .uint8, .bool]
    private static let kinds: [String: Set<ONNXElementType>] = [
        "F": [.float], "R": [.float, .double], "N": Set(types).subtracting([.bool]), "B": [.bool], "A": Set(types),
    ]

    /// Operators of docs/operators.md with their letter; those without one have no typed operand.
    private func table() throws -> [(name: String, kind: String)] {
        let url = fixtures.deletingLastPathComponent().deletingLastPathComponent().appending(path: "docs/operators.md")
        return try String(contentsOf: url, encoding: .utf8).split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false)
            guard cells.count > 3, cells[1].hasPrefix(" `") else { return nil }
            return (
                cells[1].trimmingCharacters(in: CharacterSet(charactersIn: " `")),
                cells[2].trimmingCharacters(in: .whitespaces)
            )
        }
    }

    @Test("every operator compiles with exactly the types that docs/operators.md says")
    func types() throws {
        let table = try table().filter { !$0.kind.isEmpty }
        #expect(table.count > 80)
        for (name, kind) in table {
            let expected = try #require(Self.kinds[kind], "\(name) has the unknown kind \(kind)")
            for type in Self.types {
                do {
                    _ = try ModelCompiler.compile(Probe(name, type).model)
                    #expect(expected.contains(type), "\(name) compiles for \(type), the table says \(kind)")
                } catch {
                    #expect(!expected.contains(type), "\(name) does not compile for \(type): \(error)")
                }
            }
        }
    }
}
