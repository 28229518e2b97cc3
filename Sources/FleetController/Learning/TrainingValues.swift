public import FleetModel
public import RetrainCore

/// What an operator or a retrain policy asks to be trained.
public struct TrainingRequest: Sendable {
    public var model: ModelName
    public var dataset: String
    public var datasetVersion: Int
    /// A trainer's name in the configuration; `builtin` is always there.
    public var trainer: String
    /// The trainer's own configuration, a JSON object; `{}` takes its defaults.
    public var parameters: String
    /// Every random choice of the trainer comes from here.
    public var seed: UInt64
    /// What the candidate is compared with and what training may start from; nil takes the newest version that a
    /// released release carries.
    public var champion: VersionID?
    /// What the candidate must show on the held-back part before it becomes a version.
    public var gates: CandidateGates
    /// Why, for people.
    public var reason: String
    /// The retrain policy that asks.
    public var policy: String?

    public init(
        model: ModelName, dataset: String, datasetVersion: Int, trainer: String = TrainingService.builtIn,
        parameters: String = "{}", seed: UInt64 = 1, champion: VersionID? = nil,
        gates: CandidateGates = CandidateGates(),
        reason: String = "", policy: String? = nil
    ) {
        self.model = model
        self.dataset = dataset
        self.datasetVersion = datasetVersion
        self.trainer = trainer
        self.parameters = parameters
        self.seed = seed
        self.champion = champion
        self.gates = gates
        self.reason = reason
        self.policy = policy
    }
}

/// Candidate gates as JSON: what is left out has its default.
struct GatesDocument: Codable, Hashable, Sendable {
    /// Accuracy over all held-back rows, 0...1. Default 0.
    var minimumAccuracy: Double?
    /// Accuracy that a group may lose against the champion, 0...1. Default 0.05.
    var maximumRegression: Double?
    /// Accuracy that must be gained over all rows or in `improvementGroup`, -1...1. Default 0.
    var minimumImprovement: Double?
    /// Such as `side=L`. Default: all rows.
    var improvementGroup: String?
    /// Rows below which a group is not judged. Default 10.
    var minimumRows: Int?

    init(_ gates: CandidateGates) {
        minimumAccuracy = gates.minimumAccuracy
        maximumRegression = gates.maximumRegression
        minimumImprovement = gates.minimumImprovement
        improvementGroup = gates.improvementGroup
        minimumRows = gates.minimumRows
    }

    var gates: CandidateGates {
        let fallback = CandidateGates()
        return CandidateGates(
            minimumAccuracy: minimumAccuracy ?? fallback.minimumAccuracy,
            maximumRegression: maximumRegression ?? fallback.maximumRegression,
            minimumImprovement: minimumImprovement ?? fallback.minimumImprovement,
            improvementGroup: improvementGroup, minimumRows: minimumRows ?? fallback.minimumRows)
    }

    func check() throws(ControllerError) {
        let shares = [("minimumAccuracy", minimumAccuracy), ("maximumRegression", maximumRegression)]
        for (name, value) in shares where !(0...1).contains(value ?? 0) {
            throw ControllerError(.invalid, "gates.\(name) must be between 0 and 1")
        }
        guard (-1...1).contains(minimumImprovement ?? 0), (minimumRows ?? 0) >= 0 else {
            throw ControllerError(.invalid, "gates.minimumImprovement is -1 to 1, gates.minimumRows not negative")
        }
    }
}
