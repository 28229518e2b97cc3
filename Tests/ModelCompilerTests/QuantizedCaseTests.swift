import Foundation
import ModelImage
import ONNXFormat
import Testing

@testable import ModelCompiler

extension PeerCase {
    /// Lines of Tests/peers/quantized.py: those in the repository, or those in the file that MARTLET_QUANTIZED_CASES names.
    static let quantized: [PeerCase] = {
        let path = ProcessInfo.processInfo.environment["MARTLET_QUANTIZED_CASES"]
        let url = path.map { URL(filePath: $0) } ?? fixtures.appending(path: "numerics/quantized.jsonl")
        return (try? load(url)) ?? []
    }()
}

/// Results of a quantized model, compared in units of what is stored.
private func difference(_ found: [UInt8], _ expected: PeerCase.Tensor) -> Double {
    let bytes = Array(expected.data)
    guard found.count == bytes.count else { return .infinity }
    switch expected.type {
    case "int8": return pairs(found, bytes) { Double(Int8(bitPattern: $0)) }
    case "float32":
        // Floats that were dequantized lie on a grid; others are near.
        let (one, other) = (floats(found), floats(bytes))
        let largest = other.map(\.magnitude).max() ?? 0
        return zip(one, other).map { Double(($0 - $1).magnitude / max(largest, 1e-6)) * 1e4 }.max() ?? 0
    case "int32": return found == bytes ? 0 : .infinity
    default: return pairs(found, bytes) { Double($0) }
    }
}

private func pairs(_ one: [UInt8], _ other: [UInt8], _ number: (UInt8) -> Double) -> Double {
    zip(one, other).map { abs(number($0) - number($1)) }.max() ?? 0
}

/// What compiling without some passes gives.
private func image(of onnx: ONNXModel, without left: Set<String>) throws -> [UInt8] {
    var graph = try Importer.graph(of: onnx, options: CompileOptions())
    let passes = PassPipeline.passes.filter { !left.contains($0.name) }
    #expect(passes.count == PassPipeline.passes.count - left.count)
    for _ in 0..<PassPipeline.maximumRounds {
        var changes = 0
        for pass in passes {
            changes += try pass.run(&graph)
            try graph.check()
        }
        if changes == 0 { break }
    }
    return try ImagePlanner.plan(graph).image.encoded()
}

@Suite("Quantized models agree with ONNX Runtime")
struct QuantizedCaseTests {
    @Test("there are cases of every family")
    func count() {
        #expect(PeerCase.quantized.count >= 50)
        #expect(Set(PeerCase.quantized.map { $0.name.prefix { !$0.isNumber } }).count >= 19)
    }

    @Test("stored numbers differ by 1 at most", arguments: PeerCase.quantized)
    func outputs(_ peer: PeerCase) throws {
        let compiled = try ModelCompiler.compile(try peer.onnx())
        let results = try run(compiled.imageBytes, inputs: peer.inputs.map { Array($0.data) })
        for (output, found) in zip(peer.outputs, results) {
            #expect(
                difference(found, output) <= (peer.unit.map { $0 * 1.001 } ?? 1), "\(output.name)\n\(compiled.report)")
        }
    }

    @Test("the integer passes change a stored number by 1 at most", arguments: PeerCase.quantized)
    func withoutPasses(_ peer: PeerCase) throws {
        let plain = try image(of: try peer.onnx(), without: ["quantized movement", "integer kernels"])
        let results = try run(plain, inputs: peer.inputs.map { Array($0.data) })
        for (output, found) in zip(peer.outputs, results) {
            #expect(difference(found, output) <= (peer.unit.map { $0 * 1.001 } ?? 1), "\(output.name)")
        }
    }

    @Test(
        "a softmax that is quantized and dequantized keeps its argmax",
        arguments: PeerCase.quantized.filter { $0.name.hasPrefix("qdq_softmax_tail") })
    func argmax(_ peer: PeerCase) throws {
        let compiled = try ModelCompiler.compile(try peer.onnx())
        let found = floats(try run(compiled.imageBytes, inputs: peer.inputs.map { Array($0.data) })[0])
        let expected = floats(Array(peer.outputs[0].data))
        #expect(found.firstIndex(of: found.max() ?? 0) == expected.firstIndex(of: expected.max() ?? 0))
    }
}
