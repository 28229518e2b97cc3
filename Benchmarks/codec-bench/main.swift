import BlobCoding
import Foundation
import ModelImage
import UpdateFixtures

// What an update costs on the wire and on the processor: a network of 2.8 million weights, compiled, and the blobs of
// some usual changes of it. Prints a line each: size of the blob as a share of the image, MB of the image a second of
// processor time while encoding and decoding (one thread, the median of five).

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
    let (old, new) = (ImageMemory(copying: base), ImageMemory(copying: image))
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
    let source = ImageMemory(copying: image)
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
    let widths = [960, 768, 768, 768, 768, 330]
    let network = Network(seed: 1, widths: widths)
    let last = network.layers.count - 1
    let image = try network.image()
    print("an image of \(image.count) bytes               of the image   encode   decode (MB/s)")
    try measureFull("zstd, fp32", image)
    var fresh = network
    fresh.layers[last] = Network(seed: 9, widths: widths).layers[last]
    try measureDelta("last layer drawn anew, fp32", from: image, to: fresh.image())
    try measureDelta(
        "last layer tuned by 0.1, fp32", from: image, to: network.tuned(0.1, layers: last..<last + 1).image())
    try measureDelta("all layers tuned by 1e-3, fp32", from: image, to: network.tuned(1e-3).image())
    let integers = try network.integerImage(scales: network.scales)
    try measureFull("zstd, int8", integers)
    try measureDelta(
        "all layers tuned by 1e-3, int8", from: integers, to: network.tuned(1e-3).integerImage(scales: network.scales))
} catch {
    FileHandle.standardError.write(Data("codec-bench: \(error)\n".utf8))
    exit(1)
}
