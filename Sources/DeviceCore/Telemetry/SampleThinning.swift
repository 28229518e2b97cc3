/// How a full spool makes room among its samples: each is kept with a probability that falls with how sure the model was
/// of it. The probability with which it was chosen shrinks by the same factor, so that an estimate that weighs samples by
/// 1/p (see `Sampler`) stays unbiased, whatever is given up.
public enum SampleThinning {
    /// With which a sample is kept that the model was certain of, and one that it was not.
    static let least = 0.25
    static let most = 0.75

    /// The probability to keep a sample.
    ///
    /// - Parameters:
    ///   - scores: its output probabilities.
    ///   - probability: with which it was chosen. A sample never comes to weigh more than `Sampler` allows.
    public static func keepProbability(scores: [Float], probability: Float) -> Double {
        let margin = Double(Judgement(scores: scores)?.margin ?? 1)
        let wanted = least + (most - least) * (1 - margin)
        return min(1, max(wanted, Double(Sampler.leastProbability / probability)))
    }
}
