import FleetCrypto
import FleetModel
import FleetStore
import Foundation
import Training

/// A dataset version as the trainer sees it: splits by content, weights by the probability of being chosen.
struct LearningSet {
    let set: TrainingSet
    /// For each frame of the set: its device's tags.
    let tags: [[String: String]]

    /// Splits depend on the frame's content alone, so a frame that was held back once is so in every later version.
    private static let splitSeed: UInt64 = 0

    /// Frames with missing values are left out: nothing is invented. A sample that equals an imported frame of the dataset adds nothing and is left out.
    init(_ dataset: DatasetRecord, items: [DatasetItem]) throws {
        var set = TrainingSet(input: dataset.input, classes: dataset.classes)
        var tags: [[String: String]] = []
        var known: Set<Digest> = []
        let classIndex = Dictionary(uniqueKeysWithValues: dataset.classes.enumerated().map { ($1, $0) })
        let digests = items.map { SHA256.hash([UInt8](FloatVector($0.values).data)) }
        let samples = items.indices.filter { items[$0].sample != nil }
        let weights = SampleWeights.weights(probabilities: samples.map { Float(items[$0].probability ?? 1) })
        let weightOfItem = Dictionary(uniqueKeysWithValues: zip(samples, weights))
        for (index, item) in items.enumerated() {
            guard let target = classIndex[item.className], item.values.allSatisfy(\.isFinite) else { continue }
            let isNew = known.insert(digests[index]).inserted
            if item.sample != nil, !isNew { continue }
            try set.append(
                TrainingFrame(
                    classIndex: target, group: item.device.text, weight: weightOfItem[index] ?? 1,
                    split: Split(content: digests[index], seed: Self.splitSeed)), values: item.values)
            tags.append(item.tags)
        }
        self.set = set
        self.tags = tags
    }
}
