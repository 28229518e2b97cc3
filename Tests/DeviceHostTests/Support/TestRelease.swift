import DeviceHost
import FleetCrypto
import FleetModel
import FleetWire
import Foundation
import ModelImage

/// A tiny classifier of frames of 2 × 2 values: class = the sign of a weighted sum, as a hand-made image.
enum TestModel {
    static let model = ModelName(unchecked: "sign")

    /// gemm 4 → 2, then softmax. `gain` makes versions differ.
    static func image(gain: Float, arenaBytes: Int = 192) throws -> [UInt8] {
        var image = ImageDescription()
        let x = image.add(.input("x", shape: [1, 4], at: 0))
        let weights = image.add(
            .panels("w", [gain, -gain, gain, -gain, gain, -gain, gain, -gain], rows: 4, columns: 2))
        let logits = image.add(.intermediate("logits", shape: [1, 2], at: 64))
        let y = image.add(.output("y", shape: [1, 2], at: 128))
        image.operations = [
            .init(.gemm, inputs: [x, weights], output: logits, name: "dense"),
            .init(.softmax(axis: 1, logarithmic: false), inputs: [logits], output: y, name: "softmax"),
        ]
        image.inputs = [x]
        image.outputs = [y]
        image.arenaBytes = arenaBytes
        return try image.encoded()
    }

    /// What the image gives for a raw frame.
    static func scores(_ frame: [Float], gain: Float) -> [Float] {
        let sum = frame.map { ($0 - 1) / 2 * gain }.reduce(0, +)
        let (a, b) = (exp(sum), exp(-sum))
        return [a / (a + b), b / (a + b)]
    }
}

/// Keys of a fleet, and the documents that they sign.
struct TestTrust {
    let root: SigningKey
    let people: [SigningKey]

    init() throws {
        root = try SigningKey.generate()
        people = [try SigningKey.generate(), try SigningKey.generate()]
    }

    static func trusted(_ key: SigningKey, _ holder: String) -> TrustedKey {
        TrustedKey(id: key.keyID, publicKey: key.publicKey, holder: holder)
    }

    static func sign(_ payload: [UInt8], _ context: COSESign.Context, by keys: [SigningKey]) throws -> [UInt8] {
        let signatures = try keys.map { key in
            COSESign.Signature(
                keyID: key.keyID,
                signature: try key.sign(COSESign.toBeSigned(payload: payload, context: context, keyID: key.keyID)))
        }
        return COSESign(payload: payload, signatures: signatures).encoded()
    }

    func roles(number: UInt64 = 1) throws -> [UInt8] {
        let roles = TrustRoles(
            number: number, expires: Instant(milliseconds: 4_000_000_000_000),
            releaseKeys: people.enumerated().map { Self.trusted($1, "person \($0)") }, threshold: 2)
        return try Self.sign(roles.encoded(), .roles, by: [root])
    }
}

/// A release of the tiny classifier, with its blob.
struct TestRelease {
    let version: Int
    let gain: Float
    var image: [UInt8]
    var manifest: ReleaseManifest

    /// - Parameters:
    ///   - arenaBytes: what the image asks for.
    ///   - promisedArena: what the manifest says of that; nil: the truth.
    init(
        version: Int, gain: Float, goldenShift: Float = 0, arenaBytes: Int = 192, promisedArena: Int? = nil
    ) throws {
        self.version = version
        self.gain = gain
        image = try TestModel.image(gain: gain, arenaBytes: arenaBytes)
        let id = VersionID(model: TestModel.model, number: version)
        let golden: [[Float]] = [[1, 2, 3, 4], [-1, -2, 0, 1], [0, 0, 0, 0]]
        let feature = FeatureBaseline(
            channel: 0, statistic: .reading, edges: [-1, 0, 1, 2], counts: [10, 10, 10], driftThreshold: 1)
        let part = ReleasePart(
            slot: .main, version: id,
            image: ImageReference(
                digest: SHA256.hash(image), bytes: image.count, arenaBytes: promisedArena ?? arenaBytes),
            input: FrameDescription(
                kind: .timeseries, steps: 2, width: 2,
                channels: [Channel(name: "ax", unit: "g"), Channel(name: "ay", unit: "g")]),
            classes: ["up", "down"], normalisation: Normalisation(offset: [1, 1], scale: [2, 2]),
            thresholds: Thresholds(derivedFrom: id, promisedAccuracy: 0.9, minimumConfidence: 0.6),
            baseline: Baseline(
                features: [feature, feature],
                predictions: PredictionBaseline(counts: [50, 50], driftThreshold: 1)),
            golden: GoldenProof(
                inputs: golden,
                outputs: golden.map { TestModel.scores($0, gain: gain).map { $0 + goldenShift } }, tolerance: 1e-4,
                latencyLimit: 100_000))
        manifest = ReleaseManifest(
            name: ReleaseName(unchecked: "sign-\(version)"), counter: UInt64(version),
            created: Instant(milliseconds: 1_700_000_000_000), expires: Instant(milliseconds: 4_000_000_000_000),
            parts: [part])
    }

    /// A release of the device's own program.
    init(agent program: [UInt8], version: Int, hardware: [String] = [DeviceConfiguration.ownHardware]) throws {
        self.version = version
        gain = 0
        image = program
        manifest = ReleaseManifest(
            name: ReleaseName(unchecked: "martlet-agent-\(version)"), counter: UInt64(version),
            created: Instant(milliseconds: 1_700_000_000_000), expires: Instant(milliseconds: 4_000_000_000_000),
            parts: [
                .agent(
                    VersionID(model: .agent, number: version), name: "9.\(version).0",
                    program: ImageReference(digest: SHA256.hash(program), bytes: program.count, arenaBytes: 0))
            ], compatibility: Compatibility(hardware: hardware))
    }

    func signed(by keys: [SigningKey]) throws -> [UInt8] {
        try TestTrust.sign(manifest.encoded(), .release, by: keys)
    }
}
