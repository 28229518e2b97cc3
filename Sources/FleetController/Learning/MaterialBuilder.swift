import FleetCrypto
import FleetModel
import Training

/// Makes of a trained model what a release needs beside its image: baseline with thresholds, promise, golden vectors.
struct MaterialBuilder {
    /// Golden vectors of a release.
    static let goldenVectors = 8
    /// Largest difference of a probability between instruction sets.
    static let goldenTolerance: Float = 1e-3
    /// Largest median latency of one inference, in microseconds: far above what small models need, and far below what
    /// a hung device takes.
    static let latencyLimit = 100_000
    /// An answer is uncertain when its probability is below this multiple of guessing, but never above one half.
    static let confidenceOverGuessing: Float = 3

    let learning: LearningSet
    let normalisation: Normalisation
    let metrics: TrainingMetrics
    let seed: UInt64

    /// The part; registering fills in the version that it gets.
    func part(version: VersionID, image: [UInt8]) throws -> ReleasePart {
        let set = learning.set
        let baseline = try BaselineBuilder(set, seed: seed).baseline(metrics: metrics)
        var runner = try ImageRunner(image, input: set.input, normalisation: normalisation)
        var inputs: [[Float]] = []
        var outputs: [[Float]] = []
        for index in goldenFrames() {
            let frame = Array(set.values(of: index))
            inputs.append(frame)
            outputs.append(try runner.scores(frame))
        }
        return ReleasePart(
            slot: .main, version: version,
            image: ImageReference(
                digest: SHA256.hash(image), bytes: image.count, arenaBytes: runner.arenaBytes),
            input: set.input, classes: set.classes, normalisation: normalisation,
            thresholds: Thresholds(
                derivedFrom: version, promisedAccuracy: Float(metrics.promise),
                minimumConfidence: min(Self.confidenceOverGuessing / Float(set.classes.count), 0.5)),
            baseline: baseline,
            golden: GoldenProof(
                inputs: inputs, outputs: outputs, tolerance: Self.goldenTolerance, latencyLimit: Self.latencyLimit))
    }

    /// Frames from all classes in turn, each class's first ones.
    private func goldenFrames() -> [Int] {
        var chosen: [Int] = []
        var byClass = Dictionary(grouping: learning.set.frames.indices) { learning.set.frames[$0].classIndex }
            .mapValues { Array($0.reversed()) }
        let order = byClass.keys.sorted()
        while chosen.count < Self.goldenVectors, byClass.values.contains(where: { !$0.isEmpty }) {
            for name in order where chosen.count < Self.goldenVectors {
                if let frame = byClass[name]?.popLast() { chosen.append(frame) }
            }
        }
        return chosen
    }
}
