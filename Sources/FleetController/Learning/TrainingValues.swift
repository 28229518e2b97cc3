public import FleetModel

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
    public var gate: CandidateGate
    /// Why, for people.
    public var reason: String
    /// The retrain policy that asks.
    public var policy: String?

    public init(
        model: ModelName, dataset: String, datasetVersion: Int, trainer: String = TrainingService.builtIn,
        parameters: String = "{}", seed: UInt64 = 1, champion: VersionID? = nil, gate: CandidateGate = CandidateGate(),
        reason: String = "", policy: String? = nil
    ) {
        self.model = model
        self.dataset = dataset
        self.datasetVersion = datasetVersion
        self.trainer = trainer
        self.parameters = parameters
        self.seed = seed
        self.champion = champion
        self.gate = gate
        self.reason = reason
        self.policy = policy
    }
}

/// What a candidate must show on the held-back part before it becomes a version.
public struct CandidateGate: Codable, Hashable, Sendable {
    /// How much accuracy on imported frames it may lose against the champion, 0...1. Default 0.05.
    public var maximumLoss: Double
    /// How much accuracy on annotated samples it must gain, -1...1; asked only from `minimumAnnotated` frames on.
    /// Default 0.
    public var minimumGain: Double
    /// Held-back annotated frames below which their accuracy says nothing. Default 10.
    public var minimumAnnotated: Int

    public init(maximumLoss: Double = 0.05, minimumGain: Double = 0, minimumAnnotated: Int = 10) {
        self.maximumLoss = maximumLoss
        self.minimumGain = minimumGain
        self.minimumAnnotated = minimumAnnotated
    }

    /// Takes what is given and defaults for the rest.
    public init(from decoder: any Decoder) throws {
        self.init()
        let values = try decoder.container(keyedBy: CodingKeys.self)
        maximumLoss = try values.decodeIfPresent(Double.self, forKey: .maximumLoss) ?? maximumLoss
        minimumGain = try values.decodeIfPresent(Double.self, forKey: .minimumGain) ?? minimumGain
        minimumAnnotated = try values.decodeIfPresent(Int.self, forKey: .minimumAnnotated) ?? minimumAnnotated
    }
}

/// Candidate and champion on the same held-back frames.
public struct GateComparison: Codable, Hashable, Sendable {
    /// Frames and right answers of one kind of frame.
    public struct Part: Codable, Hashable, Sendable {
        public var frames = 0
        public var candidate = 0
        public var champion = 0

        /// Shares of right answers; nil without frames.
        public var candidateAccuracy: Double? { frames > 0 ? Double(candidate) / Double(frames) : nil }
        public var championAccuracy: Double? { frames > 0 ? Double(champion) / Double(frames) : nil }
    }

    public var imported = Part()
    public var annotated = Part()

    /// Why the candidate is refused; nil if it passes.
    public func refusal(_ gate: CandidateGate) -> String? {
        if let candidate = imported.candidateAccuracy, let champion = imported.championAccuracy,
            champion - candidate > gate.maximumLoss
        {
            return
                "on \(imported.frames) held-back frames the candidate is right in \(percent(candidate)), the champion "
                + "in \(percent(champion)): it may lose \(percent(gate.maximumLoss))"
        }
        if annotated.frames >= gate.minimumAnnotated, let candidate = annotated.candidateAccuracy,
            let champion = annotated.championAccuracy, candidate - champion < gate.minimumGain
        {
            return "on \(annotated.frames) held-back annotated frames the candidate is right in \(percent(candidate)), "
                + "the champion in \(percent(champion)): it must gain \(percent(gate.minimumGain))"
        }
        return nil
    }

    private func percent(_ share: Double) -> String { "\((share * 1000).rounded() / 10) %" }
}
