import EdgeRuntime
import FleetController
import FleetCrypto
import FleetModel
import ModelImage
import Sketches

/// What a fixture is made of: twenty devices and four releases, unless somebody wants others.
struct FixturePlan: Sendable {
    /// A device that is registered.
    struct Machine: Sendable {
        var id: DeviceID
        var tags: [String: String]
    }

    /// A network that becomes a signed release.
    struct Model: Sendable {
        /// Where the network comes from.
        enum Source: Sendable {
            case tiny(gain: Float)
            case onnx([UInt8])
        }

        /// The release's name.
        var name: String
        var source: Source
        var isSound = true
    }

    var machines = (1...Fixture.deviceCount).map { number in
        Machine(
            id: DeviceID(unchecked: "d\(number < 10 ? "0" : "")\(number)"),
            tags: ["side": number % 2 == 0 ? "R" : "L"])
    }
    /// `sound-1…3` and `broken`.
    var models = ["sound-1", "sound-2", "sound-3", "broken"].enumerated().map { index, name in
        Model(name: name, source: .tiny(gain: Float(index + 1)), isSound: name != "broken")
    }
    var policy = Fixture.policy()
    /// What the networks were trained on, for drift; nil takes a fixed baseline.
    var sensor: Sensor?
}

/// A network with all that a release says of it.
struct MadeModel {
    let name: String
    let image: [UInt8]
    let part: ReleasePart
    let isSound: Bool
}

extension FixturePlan.Model {
    /// Compiles the network and derives what a release says of it.
    func made(for sensor: Sensor?) throws -> MadeModel {
        let image: [UInt8]
        var part: ReleasePart
        switch source {
        case .tiny(let gain):
            image = try TinyModel.image(gain: gain)
            part = try TinyModel.part(image, isSound: isSound)
        case .onnx(let bytes):
            let compiled: CompiledImage
            do { compiled = try SteppedController.compile(bytes) } catch {
                throw ScenarioError(.badModel, "the model of release \(name) cannot be compiled: \(error)")
            }
            image = compiled.bytes
            part = try Self.part(image, arenaBytes: compiled.arenaBytes, name)
        }
        if let sensor { part.baseline = try sensor.baseline(of: image, part) }
        return MadeModel(name: name, image: image, part: part, isSound: isSound)
    }

    /// What a release says of a compiled network: one frame in, scores of classes out.
    private static func part(_ image: [UInt8], arenaBytes: Int, _ name: String) throws -> ReleasePart {
        let (values, classes) = try ImageMemory(copying: image).withBytes { bytes in
            let model = try EdgeRuntime.Model(bytes: bytes)
            guard model.inputs.count == 1, model.outputs.count == 1 else {
                throw ScenarioError(
                    .badModel,
                    "the model of release \(name) has \(model.inputs.count) inputs and "
                        + "\(model.outputs.count) outputs; a scenario's has one of each")
            }
            guard model.inputs[0].elementType == .float32, model.outputs[0].elementType == .float32 else {
                throw ScenarioError(
                    .badModel,
                    "the model of release \(name) takes or gives integers; frames are float32: quantize it with float "
                        + "inputs and outputs (martlet model quantize)")
            }
            return (model.inputs[0].elementCount, model.outputs[0].elementCount)
        }
        var chance = SeededGenerator(seed: 1, name: name)
        let golden = (0..<2).map { _ in Sensor().frame(values: values, at: 0, &chance) }
        let version = VersionID(model: TinyModel.name, number: 1)
        return ReleasePart(
            slot: .main, version: version,
            image: ImageReference(digest: SHA256.hash(image), bytes: image.count, arenaBytes: arenaBytes),
            input: FrameDescription(
                kind: .timeseries, steps: values, width: 1, channels: [Channel(name: "value", unit: "")]),
            classes: (0..<classes).map { "class-\($0)" }, normalisation: Normalisation(offset: [0], scale: [1]),
            thresholds: Thresholds(derivedFrom: version, promisedAccuracy: 0.9, minimumConfidence: 0.6),
            baseline: Baseline(features: [], predictions: PredictionBaseline(counts: [], driftThreshold: 1)),
            golden: GoldenProof(
                inputs: golden, outputs: try TinyModel.scores(image, golden), tolerance: 1e-4,
                latencyLimit: 1_000_000))
    }
}

extension Sensor {
    /// What a network was trained on: readings of the first channel in quarters of the sensor's range, and how often
    /// the network gives each class.
    func baseline(of image: [UInt8], _ part: ReleasePart) throws -> Baseline {
        let half = Float(spread > 0 ? spread : 1)
        let middle = Float(mean)
        var chance = SeededGenerator(seed: 1, name: "baseline")
        let frames = (0..<Self.baselineFrames).map { _ in frame(values: part.input.valueCount, at: 0, &chance) }
        var counts = [UInt64](repeating: 0, count: part.classes.count)
        for scores in try TinyModel.scores(image, frames) {
            if let top = scores.indices.max(by: { scores[$0] < scores[$1] }) { counts[top] += 1 }
        }
        let edges = [-4, -0.5, 0, 0.5, 4].map { middle + $0 * half }
        return Baseline(
            features: [
                FeatureBaseline(
                    channel: 0, statistic: .reading, edges: edges,
                    counts: Array(repeating: Self.baselineFrames, count: edges.count - 1), driftThreshold: 0.25)
            ],
            predictions: PredictionBaseline(counts: counts, driftThreshold: 1),
            minimumInferences: Self.verdictInferences)
    }

    private static let baselineFrames: UInt64 = 256
    /// Inferences below which drift is not judged.
    private static let verdictInferences = 60
}
