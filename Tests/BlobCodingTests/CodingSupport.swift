import BlobCoding
import Foundation
import ModelCompiler
import ModelImage
import ONNXFormat

/// A small generator with a fixed sequence per seed (Steele et al., "Fast splittable pseudorandom number generators").
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A draw from the standard normal distribution (Box and Muller).
    mutating func normal() -> Float {
        let radius = (-2 * Foundation.log(Double.random(in: Double.leastNonzeroMagnitude..<1, using: &self)))
            .squareRoot()
        return Float(radius * cos(2 * Double.pi * Double.random(in: 0..<1, using: &self)))
    }
}

/// Bytes at an address that is a multiple of 64, as an image wants them.
final class AlignedBytes {
    let buffer: UnsafeMutableRawBufferPointer

    init(_ bytes: [UInt8]) {
        buffer = .allocate(byteCount: bytes.count, alignment: ImageFormat.alignment)
        buffer.copyBytes(from: bytes)
    }

    deinit { buffer.deallocate() }

    var raw: UnsafeRawBufferPointer { UnsafeRawBufferPointer(buffer) }
}

/// A multilayer perceptron of 0.3 million weights whose last layer is 9 % of them.
struct Network {
    static let widths = [320, 256, 256, 256, 256, 108]
    var layers: [[Float]]

    init(seed: UInt64) {
        var random = SplitMix(state: seed)
        layers = zip(Self.widths, Self.widths.dropFirst()).map { rows, columns in
            let deviation = 1 / Float(rows).squareRoot()
            return (0..<rows * columns).map { _ in deviation * random.normal() }
        }
    }

    /// Every weight moved by `share` of its layer's deviation.
    func tuned(_ share: Float, layers chosen: Range<Int>? = nil, seed: UInt64 = 7) -> Network {
        var random = SplitMix(state: seed)
        var network = self
        for layer in chosen ?? layers.indices {
            let step = share / Float(Self.widths[layer]).squareRoot()
            for index in layers[layer].indices { network.layers[layer][index] += step * random.normal() }
        }
        return network
    }

    var weightCount: Int { layers.reduce(0) { $0 + $1.count } }

    /// What the compiler makes of it.
    func image() throws -> [UInt8] {
        var graph = ONNXGraph(name: "mlp")
        graph.inputs.append(
            ONNXValueInfo(name: "x", elementType: .float, dims: [.value(1), .value(Self.widths[0])]))
        var last = "x"
        for (index, weights) in layers.enumerated() {
            graph.initializers.append(
                ONNXTensor(name: "w\(index)", dims: [Self.widths[index], Self.widths[index + 1]], floats: weights))
            graph.nodes.append(
                ONNXNode(
                    "MatMul", name: "dense\(index)", domain: "", inputs: [last, "w\(index)"], outputs: ["z\(index)"],
                    attributes: []))
            graph.nodes.append(
                ONNXNode(
                    "Relu", name: "relu\(index)", domain: "", inputs: ["z\(index)"], outputs: ["y\(index)"],
                    attributes: []))
            last = "y\(index)"
        }
        graph.outputs.append(ONNXValueInfo(name: last, type: nil))
        let onnx = ONNXModel(operatorSets: [ONNXOperatorSet(version: 17)], graph: graph)
        return try ModelCompiler.compile(onnx).imageBytes
    }

    /// The layers as int8 constants of one scale each, in an image that computes nothing.
    func integerImage(scales: [Float]) throws -> [UInt8] {
        var image = ImageDescription()
        for (index, weights) in layers.enumerated() {
            let values = weights.map { UInt8(bitPattern: Int8(max(-127, min(127, ($0 / scales[index]).rounded())))) }
            _ = image.add(
                .init(name: "w\(index)", elementType: .int8, kind: .constant, shape: [values.count], data: values))
        }
        let x = image.add(.input("x", shape: [1, 4], at: 0))
        let y = image.add(.output("y", shape: [1, 4], at: 64))
        image.operations = [.init(.copy, inputs: [x], output: y, name: "copy")]
        (image.inputs, image.outputs, image.arenaBytes) = ([x], [y], 128)
        return try image.encoded()
    }

    var scales: [Float] { layers.map { ($0.map(abs).max() ?? 1) / 127 } }
}

func deflated(_ bytes: [UInt8]) throws -> [UInt8] {
    var blob: [UInt8] = []
    try bytes.withUnsafeBytes { try BlobEncoding.deflate($0) { blob += $0 } }
    return blob
}

func delta(from base: [UInt8], to image: [UInt8]) throws -> [UInt8] {
    var blob: [UInt8] = []
    let (old, new) = (AlignedBytes(base), AlignedBytes(image))
    try BlobEncoding.delta(from: old.raw, to: new.raw) { blob += $0 }
    return blob
}

func applied(_ blob: [UInt8], to base: [UInt8], imageBytes: Int) throws -> [UInt8] {
    var image: [UInt8] = []
    try blob.withUnsafeBytes { blob in
        try base.withUnsafeBytes { base in
            try BlobDecoding.applyDelta(blob, to: base, imageBytes: imageBytes) { image += $0 }
        }
    }
    return image
}

func inflated(_ blob: [UInt8], limit: Int) throws -> [UInt8] {
    var image: [UInt8] = []
    try blob.withUnsafeBytes { try BlobDecoding.inflate($0, limit: limit) { image += $0 } }
    return image
}
