import Foundation
import ModelCompiler
import ONNXFormat
import Testing

@testable import ModelTools

@Suite("Quantizing a float model")
struct QuantizerTests {
    /// Numbers between −1 and 1 with a fixed sequence.
    private func numbers(_ count: Int, seed: UInt64 = 1) -> [Float] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(Int64(bitPattern: state) >> 40) / 8_388_608
        }
    }

    /// A small network: two convolutions with a normalisation between them, a shortcut, a dense layer.
    private func model() -> ONNXModel {
        var builder = ONNXGraphBuilder(name: "net")
        let x = builder.input("x", dims: [1, 3, 8, 8])
        func constant(_ shape: [Int], seed: UInt64, shift: Float = 0) -> String {
            builder.constant(
                ONNXTensor(dims: shape, floats: numbers(shape.reduce(1, *), seed: seed).map { $0 + shift }))
        }
        let pads = [ONNXAttribute("pads", .ints([1, 1, 1, 1]))]
        let first = builder.node("Conv", [x, constant([8, 3, 3, 3], seed: 2), constant([8], seed: 3)], pads)
        let normal = builder.node(
            "BatchNormalization",
            [
                first, constant([8], seed: 4, shift: 2), constant([8], seed: 5), constant([8], seed: 6),
                constant([8], seed: 7, shift: 2),
            ])
        let hidden = builder.node("Relu", [normal])
        let second = builder.node("Conv", [hidden, constant([8, 8, 3, 3], seed: 8)], pads)
        let sum = builder.node("Add", [hidden, second])
        let pooled = builder.node("GlobalAveragePool", [sum])
        let flat = builder.node("Flatten", [pooled])
        let scores = builder.node("Gemm", [flat, constant([8, 5], seed: 9), constant([5], seed: 10)])
        builder.output(builder.node("Softmax", [scores]), name: "y", dims: [1, 5])
        return builder.model(producer: "test")
    }

    private func quantizer(_ model: ONNXModel, rows: NPYArray? = nil) throws -> ModelQuantizer {
        let url = FileManager.default.temporaryDirectory.appending(path: "quantizer-\(UUID().uuidString).onnx")
        defer { try? FileManager.default.removeItem(at: url) }
        try Data(model.serialized()).write(to: url)
        return try ModelQuantizer(
            path: url.path, rows: rows ?? NPYArray(numbers(20 * 192, seed: 99), shape: [20, 3, 8, 8]))
    }

    @Test(
        "layers become integer kernels, and little is lost",
        arguments: [CalibrationMethod.range, .percentile(99.99), .entropy])
    func layers(_ method: CalibrationMethod) throws {
        let quantizer = try quantizer(model())
        let quantized = try quantizer.quantized(method)
        let again = try ONNXModel(parsing: quantized.serialized())
        let steps = try ModelCompiler.compile(again).report.steps.map(\.operation)
        for (operation, count) in [
            ("integerConvolution", 2), ("integerBinary", 1), ("integerAveragePool", 1), ("integerGemm", 1),
            ("convolution", 0), ("gemm", 0), ("affine", 0),
        ] {
            #expect(steps.count { $0 == operation } == count, "\(operation): \(steps)")
        }
        let report = try quantizer.report(on: quantized, labels: [Int](repeating: 0, count: 20))
        #expect(report.rows == 20 && report.outputs.count == 1 && report.layers.count == 6)
        for value in report.layers + report.outputs {
            let decibel = value.signalToNoise ?? .infinity
            #expect(decibel > (method == .entropy ? 12 : 25), "\(value)")
        }
        #expect(report.agreement > 0.7)
        #expect(report.floatAccuracy != nil && report.quantizedAccuracy != nil)
        #expect(report.description.contains("largest score alike"))
    }

    @Test("weights alone can be stored in fewer bits: the rest computes with floats", arguments: WeightStorage.allCases)
    func weightsOnly(_ storage: WeightStorage) throws {
        let quantizer = try quantizer(model())
        let quantized = quantizer.quantizedWeights(as: storage)
        let steps = try ModelCompiler.compile(quantized).report.steps.map(\.operation)
        #expect(steps.contains("convolution") && !steps.contains { $0.hasPrefix("integer") }, "\(steps)")
        let report = try quantizer.report(on: quantized, labels: nil)
        let least: Double = storage == .int8 ? 25 : 60
        #expect(report.outputs.allSatisfy { ($0.signalToNoise ?? .infinity) > least })
        #expect(report.quantizedBytes < report.floatBytes && report.floatAccuracy == nil)
    }

    @Test("what cannot be quantized is refused with a reason", arguments: ["set", "layers", "rows", "labels", "share"])
    func refusals(_ kind: String) throws {
        #expect(throws: ModelToolsError.self) {
            var model = model()
            var rows: NPYArray?
            switch kind {
            case "set": model.operatorSets = [ONNXOperatorSet(version: 12)]
            case "layers": model.graph.nodes.removeAll { ["Conv", "Gemm"].contains($0.operatorType) }
            case "rows": rows = NPYArray(numbers(30), shape: [10, 3])
            default: break
            }
            let quantizer = try quantizer(model, rows: rows)
            let quantized = try quantizer.quantized(kind == "share" ? .percentile(12) : .range)
            _ = try quantizer.report(on: quantized, labels: [1])
        }
    }

    @Test("a percentile leaves outliers out, and every range contains 0")
    func ranges() {
        var histogram = ValueHistogram(low: -1, high: 99)
        histogram.add((0..<10_000).map { Float($0) / 10_000 } + [99])
        #expect(CalibrationMethod.range.range(histogram) == -1...99)
        let inner = CalibrationMethod.percentile(99.9).range(histogram)
        #expect(inner.lowerBound <= 0 && inner.upperBound < 1.2)
        #expect(CalibrationMethod.entropy.range(histogram).upperBound < 99)
        let far = ValueHistogram(low: 5, high: 6)
        #expect(CalibrationMethod.range.range(far) == 0...6)
        let scale = ByteScale(-1...1)
        #expect(scale.zeroPoint == 0 || scale.zeroPoint == -1)
        #expect(ByteScale(0...0).scale == 1)
    }

    @Test("a filter's scale is made so large that its bias fits")
    func biases() {
        let weights = QuantizedWeights(
            [1e-12, 0, 0.5, -1], shape: [2, 2], axis: 0, biases: [3, 3], inputScale: 0.01)
        #expect(3 / (weights.scales[0] * 0.01) <= 0x1p30 * 1.001)
        #expect(weights.stored == [0, 0, 64, -127])
    }
}
