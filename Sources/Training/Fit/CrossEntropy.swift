import Foundation

/// Weighted cross-entropy of softmax scores, with its derivative.
enum CrossEntropy {
    /// - Parameters:
    ///   - scores: [frames, classes], before softmax.
    ///   - weights: one per frame; their sum divides the loss.
    ///   - smoothing: share of the target that is spread over all classes.
    ///   - errors: takes the derivative of the loss by the scores, unless nil.
    /// - Returns: Sum of weighted losses (not divided), sum of weights, frames whose highest score is their class.
    static func evaluate(
        scores: UnsafePointer<Float>, targets: [Int], weights: [Float], classes: Int, smoothing: Float,
        errors: UnsafeMutablePointer<Float>?
    ) -> (loss: Double, weight: Double, correct: Int) {
        let total = weights.reduce(0, +)
        var loss = 0.0
        var correct = 0
        var shares = [Float](repeating: 0, count: classes)
        for (frame, target) in targets.enumerated() {
            let row = scores + frame * classes
            let best = highest(row, classes)
            if best == target { correct += 1 }
            let logarithm = softmax(row, classes, peak: row[best], into: &shares)
            let spread = smoothing / Float(classes)
            var sum: Float = 0
            for index in 0..<classes {
                let wanted = spread + (index == target ? 1 - smoothing : 0)
                sum -= wanted * (row[index] - logarithm)
                errors?[frame * classes + index] = weights[frame] / total * (shares[index] - wanted)
            }
            loss += Double(weights[frame] * sum)
        }
        return (loss, Double(total), correct)
    }

    /// Index of the highest score; the first of equals.
    static func highest(_ row: UnsafePointer<Float>, _ classes: Int) -> Int {
        var best = 0
        for index in 1..<max(classes, 1) where row[index] > row[best] { best = index }
        return best
    }

    /// Fills `shares` with the softmax and returns the logarithm of its denominator.
    private static func softmax(
        _ row: UnsafePointer<Float>, _ classes: Int, peak: Float, into shares: inout [Float]
    ) -> Float {
        var sum: Float = 0
        for index in 0..<classes {
            shares[index] = exp(row[index] - peak)
            sum += shares[index]
        }
        for index in 0..<classes { shares[index] /= sum }
        return peak + log(sum)
    }
}
