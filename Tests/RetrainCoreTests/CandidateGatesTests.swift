import RetrainCore
import Testing

@Suite struct CandidateGatesTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var change: @Sendable (inout CandidateGates, inout CandidateEvaluation) -> Void
        /// Gates that refuse.
        var refused: [String]
        var testDescription: String { name }
    }

    private static func score(_ rows: Int, _ champion: Double?, _ candidate: Double) -> CandidateEvaluation.Score {
        CandidateEvaluation.Score(rows: rows, candidate: candidate, champion: champion)
    }

    private static let good = CandidateEvaluation(
        overall: score(180, 0.8, 0.85),
        groups: ["side=L": score(30, 0.3, 0.8), "side=R": score(150, 0.9, 0.86)],
        proof: .passed(maximumError: 0.00001))

    static let cases: [Case] = [
        Case(name: "a better candidate passes", change: { _, _ in }, refused: []),
        Case(name: "a proof that fails refuses", change: { $1.proof = .failed("error 0.5") }, refused: ["proof"]),
        Case(name: "accuracy at the minimum passes", change: { gates, _ in gates.minimumAccuracy = 0.85 }, refused: []),
        Case(
            name: "accuracy below it refuses", change: { gates, _ in gates.minimumAccuracy = 0.86 },
            refused: ["accuracy"]),
        Case(
            name: "no held-back rows refuse", change: { $1.overall = score(0, 0, 0) },
            refused: ["accuracy", "improvement"]),
        Case(
            name: "a regression of exactly the limit passes", change: { $1.groups["side=R"] = score(150, 0.9, 0.85) },
            refused: []),
        Case(
            name: "a greater one refuses, whatever the rest", change: { $1.groups["side=R"] = score(150, 0.9, 0.84) },
            refused: ["regression:side=R"]),
        Case(
            name: "a group of few rows is not judged", change: { $1.groups["side=R"] = score(9, 1, 0.2) }, refused: []),
        Case(
            name: "too little improvement refuses", change: { gates, _ in gates.minimumImprovement = 0.06 },
            refused: ["improvement"]),
        Case(
            name: "the improvement may be asked of a group",
            change: { gates, _ in
                gates.minimumImprovement = 0.4
                gates.improvementGroup = "side=L"
            }, refused: []),
        Case(
            name: "of a group that has no rows it refuses", change: { gates, _ in gates.improvementGroup = "side=X" },
            refused: ["improvement"]),
        Case(
            name: "a worse candidate refuses", change: { $1.overall = score(180, 0.8, 0.79) }, refused: ["improvement"]),
        Case(
            name: "a first version has no champion to beat",
            change: {
                $1.overall.champion = nil
                $1.groups = ["side=L": score(30, nil, 0.1)]
            }, refused: []),
        Case(
            name: "all refusals are found at once",
            change: { gates, evaluation in
                gates.minimumAccuracy = 0.99
                gates.minimumImprovement = 0.5
                evaluation.proof = .failed("slow")
                evaluation.groups["side=R"] = score(150, 0.9, 0.1)
            }, refused: ["proof", "accuracy", "improvement", "regression:side=R"]),
    ]

    @Test("candidates are accepted or refused by the right gates", arguments: cases)
    func judge(_ example: Case) {
        var gates = CandidateGates()
        var evaluation = Self.good
        example.change(&gates, &evaluation)
        let decision = gates.judge(evaluation)
        #expect(decision.findings.filter { !$0.isPassed }.map(\.gate) == example.refused)
        #expect(decision.isAccepted == example.refused.isEmpty)
    }

    @Test("the reason lists what refused, or what passed")
    func reason() {
        var evaluation = Self.good
        evaluation.groups["side=R"] = Self.score(150, 0.9, 0.5)
        #expect(
            CandidateGates().judge(evaluation).reason == "side=R: 90 % → 50 %, at most -5.0 points allowed")
        #expect(CandidateGates().judge(Self.good).reason.contains("all rows: 80 % → 85 %, +0.0 points asked"))
    }
}
