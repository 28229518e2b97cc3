/// What inputs and outputs looked like in training, with the drift thresholds derived from it. Part of the signed
/// release, so that every device and the controller judge drift over the same bins.
public struct Baseline: Hashable, Sendable {
    public var features: [FeatureBaseline]
    public var predictions: PredictionBaseline
    /// Inferences below which no verdict is given.
    public var minimumInferences: Int

    public init(features: [FeatureBaseline], predictions: PredictionBaseline, minimumInferences: Int = 100) {
        self.features = features
        self.predictions = predictions
        self.minimumInferences = minimumInferences
    }
}

/// What is counted of a channel in each frame.
public enum FeatureStatistic: String, Hashable, Sendable, CaseIterable {
    /// Every reading.
    case reading
    /// The frame's mean.
    case mean
    /// The frame's standard deviation (population).
    case deviation
}

/// The training histogram of one feature.
public struct FeatureBaseline: Hashable, Sendable {
    /// Index into the frame's channels.
    public var channel: Int
    public var statistic: FeatureStatistic
    /// Rising bin edges, `counts.count + 1` of them; bin i is `edges[i] <= x < edges[i + 1]`, the last one closed.
    public var edges: [Float]
    public var counts: [UInt64]
    /// PSI above which the feature counts as drifted: derived from how much undrifted devices differ.
    public var driftThreshold: Float

    public init(
        channel: Int, statistic: FeatureStatistic, edges: [Float], counts: [UInt64], driftThreshold: Float
    ) {
        self.channel = channel
        self.statistic = statistic
        self.edges = edges
        self.counts = counts
        self.driftThreshold = driftThreshold
    }
}

/// Training predictions by class.
public struct PredictionBaseline: Hashable, Sendable {
    public var counts: [UInt64]
    public var driftThreshold: Float

    public init(counts: [UInt64], driftThreshold: Float) {
        self.counts = counts
        self.driftThreshold = driftThreshold
    }
}
