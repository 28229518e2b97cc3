public import FleetModel

/// What an operator asks for.
public struct RolloutRequest: Sendable {
    public var release: ReleaseName
    public var selector: Selector
    public var waves: [Wave]
    public var activation: ActivationCondition
    /// The training run whose model the release brings, if retraining began it.
    public var trainingRun: Int64?

    public init(
        release: ReleaseName, selector: Selector = .all, waves: [Wave], activation: ActivationCondition = .now,
        trainingRun: Int64? = nil
    ) {
        self.release = release
        self.selector = selector
        self.waves = waves
        self.activation = activation
        self.trainingRun = trainingRun
    }
}
