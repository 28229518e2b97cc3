/// What annotated samples weigh in training.
///
/// Samples come with the probability with which each was chosen. Weighting by its inverse undoes the choice, so that
/// the frames a model was sure of are not under-represented (D. G. Horvitz, D. J. Thompson, 1952). The inverse is cut
/// to bounds, so that no single frame rules.
public enum SampleWeights {
    /// A sample counts as this many original frames, on average: samples are few and show what is new.
    public static let emphasis: Float = 3
    /// Bounds of the inverse probability as a multiple of its mean.
    public static let bounds: ClosedRange<Float> = 0.25...4

    /// One weight per sample; `probabilities` are in (0, 1].
    public static func weights(probabilities: [Float], emphasis: Float = SampleWeights.emphasis) -> [Float] {
        let inverse = probabilities.map { 1 / Swift.max($0, 1e-6) }
        let mean = inverse.reduce(0, +) / Float(Swift.max(inverse.count, 1))
        return inverse.map { emphasis * Swift.min(Swift.max($0 / mean, bounds.lowerBound), bounds.upperBound) }
    }
}
