/// What a trainer says of its model: `metrics.json`. Only `format`, `trainer` and `predictions` must be there.
public struct TrainingMetrics: Codable, Hashable, Sendable {
    /// Name and version of the trainer.
    public var trainer: String
    public var format = 1
    /// Predicted classes of the final model over the frames that it was fitted to: one count per class.
    public var predictions: [UInt64]
    /// Share of right predictions by split, 0...1; a split without frames is missing.
    public var accuracy: [String: Double]
    /// Models that left groups out.
    public var folds: [Fold]
    public var epochs: Int?
    public var bestEpoch: Int?
    public var validationLoss: Double?
    /// Whether training started from the champion's weights.
    public var warmStart: Bool?
    /// Parameters of the model.
    public var parameterCount: Int?
    public var seconds: Double?

    /// One model that was trained without some groups.
    public struct Fold: Codable, Hashable, Sendable {
        /// Its predicted classes over the frames that it was fitted to: one count per class.
        public var fitted: [UInt64]
        public var groups: [Group]

        public init(fitted: [UInt64], groups: [Group]) {
            self.fitted = fitted
            self.groups = groups
        }
    }

    /// What such a model said of a group that it never saw.
    public struct Group: Codable, Hashable, Sendable {
        public var name: String
        /// Predicted class of each frame.
        public var predictions: [Int]
        /// Frames that were right.
        public var correct: Int

        public init(name: String, predictions: [Int], correct: Int) {
            self.name = name
            self.predictions = predictions
            self.correct = correct
        }
    }

    public init(
        trainer: String, predictions: [UInt64], accuracy: [String: Double] = [:], folds: [Fold] = [],
        epochs: Int? = nil, bestEpoch: Int? = nil, validationLoss: Double? = nil, warmStart: Bool? = nil,
        parameterCount: Int? = nil, seconds: Double? = nil
    ) {
        self.trainer = trainer
        self.predictions = predictions
        self.accuracy = accuracy
        self.folds = folds
        self.epochs = epochs
        self.bestEpoch = bestEpoch
        self.validationLoss = validationLoss
        self.warmStart = warmStart
        self.parameterCount = parameterCount
        self.seconds = seconds
    }

    private enum CodingKeys: String, CodingKey {
        case trainer, format, predictions, accuracy, folds, epochs, bestEpoch, validationLoss, warmStart
        case parameterCount, seconds
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        format = try values.decode(Int.self, forKey: .format)
        guard format == 1 else { throw TrainingError(.badJob, "metrics.json has format \(format), not 1") }
        trainer = try values.decode(String.self, forKey: .trainer)
        predictions = try values.decode([UInt64].self, forKey: .predictions)
        accuracy = try values.decodeIfPresent([String: Double].self, forKey: .accuracy) ?? [:]
        folds = try values.decodeIfPresent([Fold].self, forKey: .folds) ?? []
        epochs = try values.decodeIfPresent(Int.self, forKey: .epochs)
        bestEpoch = try values.decodeIfPresent(Int.self, forKey: .bestEpoch)
        validationLoss = try values.decodeIfPresent(Double.self, forKey: .validationLoss)
        warmStart = try values.decodeIfPresent(Bool.self, forKey: .warmStart)
        parameterCount = try values.decodeIfPresent(Int.self, forKey: .parameterCount)
        seconds = try values.decodeIfPresent(Double.self, forKey: .seconds)
    }

    /// Accuracy to be expected on a device that training has not seen: the mean over the groups that were left out,
    /// 0...1. Nil without folds.
    public var accuracyOnNewGroups: Double? {
        let groups = folds.flatMap(\.groups).filter { !$0.predictions.isEmpty }
        guard !groups.isEmpty else { return nil }
        return groups.reduce(0) { $0 + Double($1.correct) / Double($1.predictions.count) } / Double(groups.count)
    }

    /// What a release of the model may promise: the accuracy on new groups, else that on the held-back part.
    public var promise: Double {
        accuracyOnNewGroups ?? accuracy[Split.heldBack.rawValue] ?? accuracy[Split.validation.rawValue] ?? 0
    }
}
