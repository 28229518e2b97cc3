import EdgeRuntime
import FleetCrypto
import FleetModel
import ModelImage
import Sketches

/// A classifier small enough for thousands of worlds and real enough for the real runtime: gemm 16 → 2, softmax.
enum TinyModel {
    static let name = ModelName(unchecked: "tiny")
    static let classes = ["up", "down"]
    static let arenaBytes = 192

    /// An image whose weights follow from `gain`.
    ///
    /// - Parameter ballast: bytes of a constant that nothing reads and nothing compresses, for images as large as real
    ///   ones.
    static func image(gain: Float, ballast: Int = 0) throws -> [UInt8] {
        var image = ImageDescription()
        var generator = SeededGenerator(seed: UInt64(gain.bitPattern))
        let values = (0..<32).map { _ in (Float(generator.below(2000)) / 1000 - 1) * gain }
        let x = image.add(.input("x", shape: [1, 16], at: 0))
        let weights = image.add(.panels("w", values, rows: 16, columns: 2))
        let logits = image.add(.intermediate("logits", shape: [1, 2], at: 64))
        let y = image.add(.output("y", shape: [1, 2], at: 128))
        image.operations = [
            .init(.gemm, inputs: [x, weights], output: logits, name: "dense"),
            .init(.softmax(axis: 1, logarithmic: false), inputs: [logits], output: y, name: "softmax"),
        ]
        for start in stride(from: 0, to: ballast, by: ImageLimits.elements) {
            let noise = noise(min(ballast - start, ImageLimits.elements), &generator)
            _ = image.add(
                .init(name: "ballast", elementType: .uint8, kind: .constant, shape: [noise.count], data: noise))
        }
        image.inputs = [x]
        image.outputs = [y]
        image.arenaBytes = arenaBytes
        return try image.encoded()
    }

    private static func noise(_ bytes: Int, _ generator: inout SeededGenerator) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: bytes) { buffer, count in
            for index in 0..<bytes / 8 {
                UnsafeMutableRawBufferPointer(buffer).storeBytes(
                    of: generator.next(), toByteOffset: 8 * index, as: UInt64.self)
            }
            count = bytes & ~7
        }
    }

    /// What the runtime makes of a frame.
    static func scores(_ image: [UInt8], _ frames: [[Float]]) throws -> [[Float]] {
        try ImageMemory(copying: image).withBytes { bytes in
            var model = try Model(bytes: bytes)
            return try frames.map { try model.predict($0) }
        }
    }

    /// All that a release says of an image. One that is not sound promises other outputs than it gives.
    static func part(
        _ image: [UInt8], isSound: Bool = true, version: VersionID = VersionID(model: name, number: 1)
    ) throws -> ReleasePart {
        let golden: [[Float]] = [(0..<16).map { Float($0) / 16 }, (0..<16).map { 1 - Float($0) / 8 }]
        let outputs = try scores(image, golden)
        let feature = FeatureBaseline(
            channel: 0, statistic: .reading, edges: [-2, 0, 1, 2], counts: [10, 10, 10], driftThreshold: 1)
        return ReleasePart(
            slot: .main, version: version,
            image: ImageReference(digest: SHA256.hash(image), bytes: image.count, arenaBytes: arenaBytes),
            input: Fixture.input, classes: classes,
            normalisation: Normalisation(offset: [0, 0, 0, 0], scale: [1, 1, 1, 1]),
            thresholds: Thresholds(derivedFrom: version, promisedAccuracy: 0.9, minimumConfidence: 0.6),
            baseline: Baseline(
                features: [feature], predictions: PredictionBaseline(counts: [50, 50], driftThreshold: 1)),
            golden: GoldenProof(
                inputs: golden, outputs: isSound ? outputs : outputs.map { $0.map { 1 - $0 } }, tolerance: 1e-4,
                latencyLimit: 100_000))
    }
}
