import Foundation
import ModelCompiler
import ONNXFormat
import Testing

/// A model with inputs and the outputs that ONNX Runtime computed for them: a line of Tests/peers/numerics.py.
struct PeerCase: Decodable, CustomTestStringConvertible {
    struct Tensor: Decodable {
        let name: String
        let shape: [Int]
        let type: String
        let data: Data
    }

    let name: String
    /// The bytes of the model, or `nil` for a file under Tests/Fixtures/models.
    let model: Data?
    let file: String?
    let inputs: [Tensor]
    let outputs: [Tensor]
    /// Allowed in float results of quantized models, in 1/10,000 of the largest number.
    let unit: Double?

    var testDescription: String { name }

    func onnx() throws -> ONNXModel {
        if let model { return try ONNXModel(parsing: Array(model)) }
        let url = fixtures.appending(path: "models/\(file ?? "")")
        return try ONNXModel(parsing: Array(try Data(contentsOf: url)))
    }

    /// The cases of a file with one JSON object per line.
    static func load(_ url: URL) throws -> [PeerCase] {
        try Data(contentsOf: url).split(separator: UInt8(ascii: "\n"))
            .map { try JSONDecoder().decode(PeerCase.self, from: Data($0)) }
    }

    /// Those in the repository, or those in the file that MARTLET_PEER_CASES names (see Tests/peers/numerics_test.py).
    static let all: [PeerCase] = {
        let path = ProcessInfo.processInfo.environment["MARTLET_PEER_CASES"]
        let url = path.map { URL(filePath: $0) } ?? fixtures.appending(path: "numerics/cases.jsonl")
        // An unreadable file shows as a failing count below.
        return (try? load(url)) ?? []
    }()
}

@Suite("Compiled models agree with ONNX Runtime")
struct PeerCaseTests {
    /// Largest allowed difference: a share of the value, and of the largest value of the tensor.
    static let relative: Float = 1e-4
    static let ofLargest: Float = 2e-6

    @Test("there are cases to compare")
    func count() {
        #expect(PeerCase.all.count >= 100)
    }

    @Test("outputs agree", arguments: PeerCase.all)
    func outputs(_ peer: PeerCase) throws {
        let compiled = try ModelCompiler.compile(try peer.onnx())
        #expect(compiled.report.inputs.map(\.name) == peer.inputs.map(\.name))
        #expect(compiled.report.outputs.map(\.shape) == peer.outputs.map(\.shape))
        let results = try run(compiled.imageBytes, inputs: peer.inputs.map { Array($0.data) })
        for (output, bytes) in zip(peer.outputs, results) {
            guard output.type == "float32" else {
                #expect(bytes == Array(output.data), "\(output.name)")
                continue
            }
            let expected = floats(Array(output.data))
            let found = floats(bytes)
            try #require(expected.count == found.count)
            let floor = Self.ofLargest * max(1, expected.map(\.magnitude).max() ?? 0)
            let worst = zip(expected, found).max { excess($0.0, $0.1) < excess($1.0, $1.1) }
            if let (one, other) = worst {
                #expect(
                    excess(one, other) <= floor, "\(output.name): expected \(one), found \(other)\n\(compiled.report)")
            }
        }
    }

    @Test("models survive being read and written", arguments: PeerCase.all)
    func written(_ peer: PeerCase) throws {
        let model = try peer.onnx()
        let bytes = model.serialized()
        #expect(try ONNXModel(parsing: bytes) == model)
        // For ONNX Runtime to read.
        if let folder = ProcessInfo.processInfo.environment["MARTLET_PEER_OUT"] {
            try Data(bytes).write(to: URL(filePath: folder).appending(path: "\(peer.name).onnx"))
        }
    }

    private func excess(_ expected: Float, _ found: Float) -> Float {
        if expected == found || (expected.isNaN && found.isNaN) { return 0 }
        let difference = (expected - found).magnitude - Self.relative * expected.magnitude
        return difference.isNaN ? .infinity : max(0, difference)
    }
}
