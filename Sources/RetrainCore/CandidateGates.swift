/// What a candidate must be on rows that were held back from both trainings.
public struct CandidateGates: Hashable, Sendable {
    /// Over all held-back rows, 0...1.
    public var minimumAccuracy: Double
    /// By how much the candidate may be worse than the champion in any one group, 0...1.
    public var maximumRegression: Double
    /// By how much it must be better than the champion, in `improvementGroup` or over all rows; below 0 allows less.
    public var minimumImprovement: Double
    /// The group that the improvement is asked of; nil for all rows.
    public var improvementGroup: String?
    /// Held-back rows below which a group's difference is noise and is not judged.
    public var minimumRows: Int

    public init(
        minimumAccuracy: Double = 0, maximumRegression: Double = 0.05, minimumImprovement: Double = 0,
        improvementGroup: String? = nil, minimumRows: Int = 10
    ) {
        self.minimumAccuracy = minimumAccuracy
        self.maximumRegression = maximumRegression
        self.minimumImprovement = minimumImprovement
        self.improvementGroup = improvementGroup
        self.minimumRows = minimumRows
    }
}

/// Candidate and champion on the same held-back rows.
public struct CandidateEvaluation: Hashable, Sendable {
    /// The rows of one group, or all of them.
    public struct Score: Hashable, Sendable {
        public var rows: Int
        /// Share of rows that the candidate predicts as annotated, 0...1.
        public var candidate: Double
        /// The champion's; nil for a model's first version.
        public var champion: Double?

        public init(rows: Int, candidate: Double, champion: Double?) {
            self.rows = rows
            self.candidate = candidate
            self.champion = champion
        }
    }

    /// Whether the candidate's compiled image reproduces its golden outputs in the real runtime.
    public enum Proof: Hashable, Sendable {
        case passed(maximumError: Double)
        case failed(String)
    }

    public var overall: Score
    public var groups: [String: Score]
    public var proof: Proof

    public init(overall: Score, groups: [String: Score], proof: Proof) {
        self.overall = overall
        self.groups = groups
        self.proof = proof
    }
}

/// Whether a candidate may become a release, with every finding.
public struct GateDecision: Hashable, Sendable {
    /// One condition.
    public struct Finding: Hashable, Sendable {
        /// Stable name: `proof`, `accuracy`, `improvement`, or `regression:` with the group.
        public var gate: String
        public var isPassed: Bool
        /// What was found and what was asked, for people.
        public var text: String

        public init(gate: String, isPassed: Bool, text: String) {
            self.gate = gate
            self.isPassed = isPassed
            self.text = text
        }
    }

    public let findings: [Finding]

    public init(findings: [Finding]) { self.findings = findings }

    /// All gates passed.
    public var isAccepted: Bool { findings.allSatisfy(\.isPassed) }

    /// The refusals, or everything that passed, in one line.
    public var reason: String {
        let refused = findings.filter { !$0.isPassed }
        return (refused.isEmpty ? findings : refused).map(\.text).joined(separator: "; ")
    }
}

extension CandidateGates {
    /// Judges a candidate. All gates are looked at, so that a person sees every reason at once.
    public func judge(_ evaluation: CandidateEvaluation) -> GateDecision {
        var findings = [proof(evaluation.proof), accuracy(evaluation.overall), improvement(evaluation)]
        for (group, score) in evaluation.groups.sorted(by: { $0.key < $1.key }) {
            findings.append(regression(group, score))
        }
        return GateDecision(findings: findings)
    }

    private func proof(_ proof: CandidateEvaluation.Proof) -> GateDecision.Finding {
        switch proof {
        case .passed(let error):
            .init(gate: "proof", isPassed: true, text: "golden outputs reproduced within \(error)")
        case .failed(let reason): .init(gate: "proof", isPassed: false, text: "golden proof failed: \(reason)")
        }
    }

    private func accuracy(_ score: CandidateEvaluation.Score) -> GateDecision.Finding {
        .init(
            gate: "accuracy", isPassed: score.rows > 0 && score.candidate >= minimumAccuracy - Self.rounding,
            text: "accuracy \(percent(score.candidate)) on \(score.rows) held-back rows, at least "
                + "\(percent(minimumAccuracy)) asked")
    }

    private func improvement(_ evaluation: CandidateEvaluation) -> GateDecision.Finding {
        let place = improvementGroup ?? "all rows"
        guard let score = improvementGroup.map({ evaluation.groups[$0] }) ?? evaluation.overall, score.rows > 0 else {
            return .init(gate: "improvement", isPassed: false, text: "no held-back rows of \(place)")
        }
        guard let champion = score.champion else {
            return .init(gate: "improvement", isPassed: true, text: "no champion to improve on")
        }
        return .init(
            gate: "improvement", isPassed: score.candidate - champion >= minimumImprovement - Self.rounding,
            text: "\(place): \(percent(champion)) → \(percent(score.candidate)), \(points(minimumImprovement)) asked")
    }

    private func regression(_ group: String, _ score: CandidateEvaluation.Score) -> GateDecision.Finding {
        let gate = "regression:\(group)"
        guard let champion = score.champion else {
            return .init(gate: gate, isPassed: true, text: "\(group): no champion to fall behind")
        }
        guard score.rows >= minimumRows else {
            return .init(gate: gate, isPassed: true, text: "\(group): too few rows to judge (\(score.rows))")
        }
        return .init(
            gate: gate, isPassed: champion - score.candidate <= maximumRegression + Self.rounding,
            text: "\(group): \(percent(champion)) → \(percent(score.candidate)), at most "
                + "\(points(-maximumRegression)) allowed")
    }

    /// Shares are quotients of small numbers: 0.80 - 0.75 is not quite 0.05.
    private static let rounding = 1e-9

    private func points(_ difference: Double) -> String {
        let tenths = Int((difference * 1000).magnitude + 0.5)
        return "\(difference < 0 ? "-" : "+")\(tenths / 10).\(tenths % 10) points"
    }
}
