import BlobCoding
import Foundation
import ModelCompiler
import ModelImage
import ONNXFormat

// What an update costs on the wire and on the processor: a network of 2.8 million weights, compiled, and the blobs of
// some usual changes of it. Prints a line each: size of the blob as a share of the image, MB of the image a second of
// processor time while encoding and decoding (one thread, the median of five).

/// A fixed sequence per seed (Steele et al., "Fast splittable pseudorandom number generators").
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
        let radius = (-2 * log(Double.random(in: Double.leastNonzeroMagnitude..<1, using: &self))).squareRoot()
        return Float(radius * cos(2 * Double.pi * Double.random(in: 0..<1, using: &self)))
    }
}

/// A multilayer perceptron whose last layer has 9 % of the weights.
struct Network {
    static let widths = [960, 768, 768, 768, 768, 330]
    var layers: [[Float]]

    init(seed: UInt64) {
        var random = SplitMix(state: seed)
        layers = zip(Self.widths, Self.widths.dropFirst()).map { rows, columns in
            (0..<rows * columns).map { _ in random.normal() / Float(rows).squareRoot() }
        }
    }

    /// Every weight of some layers moved by `share` of its layer's deviation.
    func tuned(_ share: Float, layers chosen: Range<Int>? = nil) -> Network {
        var random = SplitMix(state: 7)
        var network = self
        for layer in chosen ?? layers.indices {
            let step = share / Float(Self.widths[layer]).squareRoot()
            for index in layers[layer].indices { network.layers[layer][index] += step * random.normal() }
        }
        return network
    }

    /// What the compiler makes of it.
    func image() throws -> [UInt8] {
        var graph = ONNXGraph(name: "mlp")
        graph.inputs.append(
            ONNXValueInfo(name: "x", elementType: .float, dims: [.value(1), .value(Self.widths[0])]))
        var last = "x"
        for (index, weights) in layers.enumerated() {
            graph.initializers.append(
                ONNXTensor(name: "w\(index)", dims: [Self.widths[index], Self.widths[index + 1]], floats: weights))
            for (kind, inputs, output) in [
                ("MatMul", [last, "w\(index)"], "z\(index)"), ("Relu", ["z\(index)"], "y\(index)"),
            ] {
                graph.nodes.append(
                    ONNXNode(kind, name: output, domain: "", inputs: inputs, outputs: [output], attributes: []))
            }
            last = "y\(index)"
        }
        graph.outputs.append(ONNXValueInfo(name: last, type: nil))
        return try ModelCompiler.compile(ONNXModel(operatorSets: [ONNXOperatorSet(version: 17)], graph: graph))
            .imageBytes
    }

    /// The layers as int8 constants with the scales of another network.
    func integers(scaledAs other: Network) throws -> [UInt8] {
        var image = ImageDescription()
        for (index, weights) in layers.enumerated() {
            let scale = (other.layers[index].map(abs).max() ?? 1) / 127
            let values = weights.map { UInt8(bitPattern: Int8(max(-127, min(127, ($0 / scale).rounded())))) }
            _ = image.add(
                .init(name: "w\(index)", elementType: .int8, kind: .constant, shape: [values.count], data: values))
        }
        let x = image.add(.input("x", shape: [1, 4], at: 0))
        let y = image.add(.output("y", shape: [1, 4], at: 64))
        image.operations = [.init(.copy, inputs: [x], output: y, name: "copy")]
        (image.inputs, image.outputs, image.arenaBytes) = ([x], [y], 128)
        return try image.encoded()
    }
}

/// An image at an address that codecs take.
final class Aligned {
    let bytes: UnsafeRawBufferPointer

    init(_ source: [UInt8]) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: source.count, alignment: ImageFormat.alignment)
        buffer.copyBytes(from: source)
        bytes = UnsafeRawBufferPointer(buffer)
    }

    deinit { bytes.deallocate() }
}

/// Of this process: what it costs, however busy the machine is.
func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

func medianSeconds(_ body: () throws -> Void) rethrows -> Double {
    let times = try (0..<5).map { _ in
        let start = processorSeconds()
        try body()
        return processorSeconds() - start
    }
    return times.sorted()[2]
}

func line(_ name: String, _ image: Int, _ blob: [UInt8], encode: Double, decode: Double) {
    let rate = { (seconds: Double) in String(format: "%7.0f", Double(image) / 1e6 / seconds) }
    let share = String(format: "%6.2f %%", 100 * Double(blob.count) / Double(image))
    print("\(name.padding(toLength: 34, withPad: " ", startingAt: 0)) \(share)  \(rate(encode))  \(rate(decode))")
}

func measureDelta(_ name: String, from base: [UInt8], to image: [UInt8]) throws {
    let (old, new) = (Aligned(base), Aligned(image))
    var blob: [UInt8] = []
    let encode = try medianSeconds {
        blob.removeAll(keepingCapacity: true)
        try BlobEncoding.delta(from: old.bytes, to: new.bytes) { blob.append(contentsOf: $0) }
    }
    var result: [UInt8] = []
    result.reserveCapacity(image.count)
    let decode = try medianSeconds {
        result.removeAll(keepingCapacity: true)
        try blob.withUnsafeBytes { blob in
            try BlobDecoding.applyDelta(blob, to: old.bytes, imageBytes: image.count) { result.append(contentsOf: $0) }
        }
    }
    guard result == image else { throw BlobCodingError(.malformed, "\(name): another image came out") }
    line(name, image.count, blob, encode: encode, decode: decode)
}

func measureFull(_ name: String, _ image: [UInt8]) throws {
    let source = Aligned(image)
    var blob: [UInt8] = []
    let encode = try medianSeconds {
        blob.removeAll(keepingCapacity: true)
        try BlobEncoding.deflate(source.bytes) { blob.append(contentsOf: $0) }
    }
    var result: [UInt8] = []
    result.reserveCapacity(image.count)
    let decode = try medianSeconds {
        result.removeAll(keepingCapacity: true)
        try blob.withUnsafeBytes { blob in
            try BlobDecoding.inflate(blob, limit: image.count) { result.append(contentsOf: $0) }
        }
    }
    guard result == image else { throw BlobCodingError(.malformed, "\(name): another image came out") }
    line(name, image.count, blob, encode: encode, decode: decode)
}

do {
    let network = Network(seed: 1)
    let last = network.layers.count - 1
    let image = try network.image()
    print("an image of \(image.count) bytes               of the image   encode   decode (MB/s)")
    try measureFull("zstd, fp32", image)
    var fresh = network
    fresh.layers[last] = Network(seed: 9).layers[last]
    try measureDelta("last layer drawn anew, fp32", from: image, to: fresh.image())
    try measureDelta(
        "last layer tuned by 0.1, fp32", from: image, to: network.tuned(0.1, layers: last..<last + 1).image())
    try measureDelta("all layers tuned by 1e-3, fp32", from: image, to: network.tuned(1e-3).image())
    let integers = try network.integers(scaledAs: network)
    try measureFull("zstd, int8", integers)
    try measureDelta(
        "all layers tuned by 1e-3, int8", from: integers, to: network.tuned(1e-3).integers(scaledAs: network))
} catch {
    FileHandle.standardError.write(Data("codec-bench: \(error)\n".utf8))
    exit(1)
}
