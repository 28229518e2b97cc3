import Foundation
import ModelCompiler
import ONNXFormat
import Sketches
import Testing

@Suite("Hostile models are refused, never crashed on")
struct HostileModelTests {
    /// How many models each seed changes; MARTLET_FUZZ_ROUNDS asks for more.
    static let rounds = ProcessInfo.processInfo.environment["MARTLET_FUZZ_ROUNDS"].flatMap { Int($0) } ?? 300

    @Test("models with changed attributes, shapes, operators and wires compile or are refused", arguments: 0..<8)
    func changed(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed &+ 1000)
        let models = try PeerCase.all.filter { $0.model != nil }.map { try $0.onnx() }
        var refused = 0
        for _ in 0..<Self.rounds {
            guard var model = models.randomElement(using: &random) else { break }
            for _ in 0..<Int.random(in: 1...3, using: &random) { change(&model, &random) }
            do throws(CompileError) {
                _ = try ModelCompiler.compile(model, options: CompileOptions(maximumFoldedBytes: 1 << 20))
            } catch {
                refused += 1
                // An image that its own reader refuses is a fault of the compiler, not of the model.
                #expect(error.code != "image", "\(error) seed \(seed): \(model.graph.nodes)")
            }
        }
        #expect(refused > Self.rounds / 10)
        #expect(refused < Self.rounds)
    }

    private static let numbers: [Int64] = [
        0, 1, 2, 3, 7, -1, -2, 64, 1000, 16_384, 65_535, 1 << 28, 1 << 31, 1 << 40, .max, .min, .max - 1, .min + 1,
    ]

    private func number(_ random: inout SeededGenerator) -> Int64 { Self.numbers.randomElement(using: &random) ?? 0 }

    private func change(_ model: inout ONNXModel, _ random: inout SeededGenerator) {
        let node = Int.random(in: 0..<model.graph.nodes.count, using: &random)
        switch Int.random(in: 0..<8, using: &random) {
        case 0: changeAttribute(&model.graph.nodes[node], &random)
        case 1: addAttribute(&model.graph.nodes[node], &random)
        case 2: changeInitializer(&model.graph, &random)
        case 3: changeInput(&model.graph, &random)
        case 4:
            let other = model.graph.nodes[Int.random(in: 0..<model.graph.nodes.count, using: &random)]
            model.graph.nodes[node].operatorType =
                [other.operatorType, "Concat", "Gather", "Slice", "Pad", "Tile", "Range", "Where", "Squeeze", "Expand"]
                .randomElement(using: &random) ?? "Relu"
        case 5:
            let values = model.graph.inputs.map(\.name) + model.graph.initializers.map(\.name)
            let slot = Int.random(in: 0...model.graph.nodes[node].inputs.count, using: &random)
            let name = values.randomElement(using: &random) ?? ""
            if slot < model.graph.nodes[node].inputs.count {
                model.graph.nodes[node].inputs[slot] = name
            } else {
                model.graph.nodes[node].inputs.append(name)
            }
        case 6: model.operatorSets = [ONNXOperatorSet(version: Int64.random(in: 6...28, using: &random))]
        default: _ = model.graph.nodes[node].inputs.popLast()
        }
    }

    private func changeAttribute(_ node: inout ONNXNode, _ random: inout SeededGenerator) {
        guard let index = node.attributes.indices.randomElement(using: &random) else { return }
        switch node.attributes[index].value {
        case .int: node.attributes[index].value = .int(number(&random))
        case .ints(var values):
            if let place = values.indices.randomElement(using: &random) { values[place] = number(&random) }
            if Bool.random(using: &random) { values.append(number(&random)) }
            node.attributes[index].value = .ints(values)
        case .float: node.attributes[index].value = .float([.nan, .infinity, -1, 0].randomElement(using: &random) ?? 0)
        default: node.attributes[index].value = .int(number(&random))
        }
    }

    private func addAttribute(_ node: inout ONNXNode, _ random: inout SeededGenerator) {
        let names = [
            "axis", "axes", "perm", "pads", "strides", "dilations", "group", "kernel_shape", "ceil_mode", "to",
        ]
        guard let name = names.randomElement(using: &random), node.attribute(name) == nil else { return }
        let value: ONNXAttribute.Value =
            Bool.random(using: &random) ? .int(number(&random)) : .ints([number(&random), number(&random)])
        node.attributes.append(ONNXAttribute(name, value))
    }

    /// Another shape for a constant, or other integers.
    private func changeInitializer(_ graph: inout ONNXGraph, _ random: inout SeededGenerator) {
        guard let index = graph.initializers.indices.randomElement(using: &random) else { return }
        let tensor = graph.initializers[index]
        if tensor.elementType == .int64 {
            let values = tensor.dims.map { _ in number(&random) } + [number(&random)]
            let count = Bool.random(using: &random) ? values.count : 1
            graph.initializers[index] = ONNXTensor(
                name: tensor.name, dims: [count], int64s: Array(values.prefix(count)))
        } else {
            let dims = (0..<Int.random(in: 0...5, using: &random)).map { _ in Int.random(in: 0...6, using: &random) }
            let count = dims.reduce(1, *)
            graph.initializers[index] = ONNXTensor(
                name: tensor.name, dims: dims, floats: [Float](repeating: 0.5, count: count))
        }
    }

    private func changeInput(_ graph: inout ONNXGraph, _ random: inout SeededGenerator) {
        guard let index = graph.inputs.indices.randomElement(using: &random) else { return }
        let dims = (0..<Int.random(in: 0...6, using: &random)).map { _ in
            ONNXDimension.value(Int(Self.numbers.prefix(12).randomElement(using: &random) ?? 1))
        }
        graph.inputs[index] = ONNXValueInfo(name: graph.inputs[index].name, elementType: .float, dims: dims)
    }
}
