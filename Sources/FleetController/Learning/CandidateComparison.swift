import FleetModel
import RetrainCore
import Training

/// Runs candidate and champion, as compiled images, over the frames that neither was fitted to.
struct CandidateComparison {
    let learning: LearningSet
    let normalisation: Normalisation
    /// Groups are the values of these tags.
    let groupTags: [String]

    /// Right answers among some rows.
    private struct Tally {
        var rows = 0
        var candidate = 0
        var champion = 0

        func score(hasChampion: Bool) -> CandidateEvaluation.Score {
            let count = Double(max(rows, 1))
            return CandidateEvaluation.Score(
                rows: rows, candidate: Double(candidate) / count, champion: hasChampion ? Double(champion) / count : nil
            )
        }
    }

    /// - Parameters:
    ///   - candidate: the candidate's image.
    ///   - champion: nil for a model's first version, or one with another input.
    ///   - golden: the candidate's golden vectors; they are run once more.
    func evaluation(
        candidate image: [UInt8], champion: TrainingExecution.Champion?, golden: GoldenProof
    ) throws -> CandidateEvaluation {
        let set = learning.set
        var candidate = try ImageRunner(image, input: set.input, normalisation: normalisation)
        var rival = try ImageRunner(
            champion?.image ?? image, input: set.input, normalisation: champion?.part?.normalisation ?? normalisation)
        var overall = Tally()
        var groups: [String: Tally] = [:]
        for index in set.indices(of: .heldBack) {
            let frame = set.values(of: index)
            let truth = set.frames[index].classIndex
            let isRight = try candidate.classIndex(frame) == truth
            let isRivalRight = try rival.classIndex(frame) == truth
            func count(_ tally: inout Tally) {
                tally.rows += 1
                if isRight { tally.candidate += 1 }
                if isRivalRight { tally.champion += 1 }
            }
            count(&overall)
            for tag in groupTags {
                guard let value = learning.tags[index][tag] else { continue }
                count(&groups["\(tag)=\(value)", default: Tally()])
            }
        }
        let hasChampion = champion != nil
        return CandidateEvaluation(
            overall: overall.score(hasChampion: hasChampion),
            groups: groups.mapValues { $0.score(hasChampion: hasChampion) }, proof: try proof(&candidate, golden))
    }

    private func proof(_ runner: inout ImageRunner, _ golden: GoldenProof) throws -> CandidateEvaluation.Proof {
        var largest: Float = 0
        for (input, expected) in zip(golden.inputs, golden.outputs) {
            let found = try runner.scores(input)
            for (a, b) in zip(found, expected) {
                guard a.isFinite else { return .failed("an output is not a number") }
                largest = max(largest, abs(a - b))
            }
        }
        guard largest <= golden.tolerance else { return .failed("outputs differ by \(largest) from run to run") }
        return .passed(maximumError: Double(largest))
    }
}
