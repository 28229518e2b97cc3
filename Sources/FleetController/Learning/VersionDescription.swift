public import FleetModel
import FleetStore
import Foundation
import GRDB
import Training

/// Release material for a version that no training run here has made, such as an ONNX file that somebody pushed.
extension TrainingService {
    /// Describes a version by a dataset version: classes and shape come from the dataset; baseline, golden vectors and
    /// promise from running the image over its frames.
    ///
    /// A pushed model gets raw values: what it needs of normalisation is in its own graph. It has left no group out, so
    /// prediction drift has no verdict, and the promise is its accuracy on these frames: import frames of devices that
    /// it has not seen.
    ///
    /// - Throws: `notFound`, or `invalid` if shapes or classes do not fit.
    @discardableResult
    public func describe(
        _ version: VersionID, dataset name: String, datasetVersion: Int, by caller: Identity
    ) async throws -> ReleasePart {
        try caller.require(.operator, for: "models.setMaterial")
        let (dataset, record) = try await context.read { database in
            (try DatasetRecord.fetchOne(database, key: name), try ModelService.image(database, version))
        }
        guard let dataset else { throw ControllerError.notFound("dataset", name) }
        guard let record else { throw ControllerError.notFound("image of", version) }
        let learning = try LearningSet(dataset, items: try await datasets.items(name, version: datasetVersion))
        guard !learning.set.frames.isEmpty else {
            throw ControllerError(.invalid, "dataset version \(name):\(datasetVersion) has no whole frame")
        }
        let image = try models.image(record.digest)
        let raw = Normalisation(
            offset: [Float](repeating: 0, count: dataset.input.channels.count),
            scale: [Float](repeating: 1, count: dataset.input.channels.count))
        let metrics = try Self.judge(image, learning, raw)
        let part = try MaterialBuilder(learning: learning, normalisation: raw, metrics: metrics, seed: 1)
            .part(version: version, image: image)
        try await models.setMaterial(version, part, by: caller)
        return part
    }

    /// Runs the image over every frame.
    private static func judge(
        _ image: [UInt8], _ learning: LearningSet, _ normalisation: Normalisation
    ) throws -> TrainingMetrics {
        let set = learning.set
        var predictions = [UInt64](repeating: 0, count: set.classes.count)
        var correct = 0
        do {
            var runner = try ImageRunner(image, input: set.input, normalisation: normalisation)
            for index in set.frames.indices {
                let scores = try runner.scores(Array(set.values(of: index)))
                guard scores.count == set.classes.count, let best = scores.indices.max(by: { scores[$0] < scores[$1] })
                else {
                    throw ControllerError(
                        .invalid, "the model has \(scores.count) outputs and the dataset \(set.classes.count) classes",
                        hint: "describe it by a dataset with its own classes")
                }
                predictions[best] += 1
                correct += best == set.frames[index].classIndex ? 1 : 0
            }
        } catch let error as ControllerError {
            throw error
        } catch {
            throw ControllerError(
                .invalid, "the model does not take frames of this dataset: \(error)",
                hint: "its input must have \(set.input.valueCount) values")
        }
        let accuracy = Double(correct) / Double(set.frames.count)
        return TrainingMetrics(
            trainer: "pushed", predictions: predictions, accuracy: [Split.heldBack.rawValue: accuracy])
    }
}
