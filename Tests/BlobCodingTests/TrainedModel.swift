import Foundation
import ModelCompiler
import ONNXFormat
import Sketches
import UpdateFixtures

/// A trained model of `Tests/Fixtures/models`, and the same after a little more training.
struct TrainedModel {
    private var onnx: ONNXModel

    init(_ name: String) throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Fixtures/models")
        onnx = try ONNXModel(parsing: [UInt8](Data(contentsOf: folder.appending(path: "\(name).onnx"))))
    }

    /// What the compiler makes of it.
    func image() throws -> [UInt8] { try ModelCompiler.compile(onnx).imageBytes }

    /// Every weight moved by `share` of its tensor's deviation; scales stay. Quantized weights move before they are rounded: each
    /// stands for a number that is anywhere within its step.
    func tuned(_ share: Float) throws -> TrainedModel {
        var random = SeededGenerator(seed: 11)
        var model = self
        for (index, tensor) in onnx.graph.initializers.enumerated() where tensor.dims.count >= 2 {
            switch tensor.elementType {
            case .float:
                let values = try tensor.floats()
                let step = share * Self.deviation(values)
                model.onnx.graph.initializers[index] = ONNXTensor(
                    name: tensor.name, dims: tensor.dims, floats: values.map { $0 + step * random.normal() })
            case .int8:
                let values = try tensor.integers().map { Float($0) }
                let step = share * Self.deviation(values)
                let bytes = values.map { value in
                    let exact = value + Float.random(in: -0.5..<0.5, using: &random) + step * random.normal()
                    return UInt8(bitPattern: Int8(max(-127, min(127, exact.rounded()))))
                }
                model.onnx.graph.initializers[index].content = .raw(bytes)
            default: continue
            }
        }
        return model
    }

    private static func deviation(_ values: [Float]) -> Float {
        let mean = values.reduce(0, +) / Float(values.count)
        return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(values.count)).squareRoot()
    }
}
