/// What one inference says: the top class and how sure the model is of it.
public struct Judgement: Hashable, Sendable {
    /// Index of the highest score; the first of equals.
    public var classIndex: Int
    /// The highest score, a probability.
    public var confidence: Float
    /// Difference of the two highest scores, 0...1; 1 if there is one class only.
    public var margin: Float

    /// Reads output probabilities; nil if there are none or one of them is not a finite number.
    public init?(scores: some Collection<Float>) {
        var best = -Float.infinity
        var second = -Float.infinity
        var bestIndex = 0
        var count = 0
        for score in scores {
            guard score.isFinite else { return nil }
            if score > best {
                (second, best, bestIndex) = (best, score, count)
            } else if score > second {
                second = score
            }
            count += 1
        }
        guard count > 0 else { return nil }
        classIndex = bestIndex
        confidence = best
        margin = count == 1 ? 1 : min(max(best - second, 0), 1)
    }
}
