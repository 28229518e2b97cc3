/// What `ai.onnx.ml` operators make of a row of scores (`post_transform`).
enum ScoreTransform: Int {
    case none = 0
    case softmax = 1
    case logistic = 2
    /// Softmax over the scores that are not 0; the others stay 0.
    case softmaxZero = 3
    /// The quantile function of the normal distribution, by an approximation of the inverse error function.
    case probit = 4

    /// Transforms a row in place.
    func apply(_ scores: UnsafeMutablePointer<Double>, _ count: Int) {
        switch self {
        case .none: break
        case .softmax: Self.softmax(scores, count)
        case .softmaxZero: Self.softmaxZero(scores, count)
        case .logistic: for index in 0..<count { scores[index] = Self.logistic(scores[index]) }
        case .probit: for index in 0..<count { scores[index] = Self.probit(scores[index]) }
        }
    }

    /// `1 / (1 + e^−x)`.
    static func logistic(_ x: Double) -> Double { 1 / (1 + RealMath.exp(-x)) }

    private static func softmax(_ scores: UnsafeMutablePointer<Double>, _ count: Int) {
        let top = largest(scores, count)
        var sum = 0.0
        for index in 0..<count {
            scores[index] = RealMath.exp(scores[index] - top)
            sum += scores[index]
        }
        for index in 0..<count { scores[index] /= sum }
    }

    private static func softmaxZero(_ scores: UnsafeMutablePointer<Double>, _ count: Int) {
        let top = largest(scores, count)
        var sum = 0.0
        for index in 0..<count {
            if scores[index].magnitude > 1e-7 {
                scores[index] = RealMath.exp(scores[index] - top)
                sum += scores[index]
            } else {
                scores[index] *= RealMath.exp(-top)
            }
        }
        for index in 0..<count { scores[index] /= sum }
    }

    private static func largest(_ scores: UnsafeMutablePointer<Double>, _ count: Int) -> Double {
        var top = -Double.greatestFiniteMagnitude
        for index in 0..<count where scores[index] > top { top = scores[index] }
        return top
    }

    /// `√2 · erf⁻¹(2x − 1)` by Winitzki's approximation with a = 0.147, as ONNX Runtime computes it.
    static func probit(_ x: Double) -> Double {
        let argument = 2 * x - 1
        let logarithm = RealMath.log((1 - argument) * (1 + argument))
        let half = 2 / (3.14159 * 0.147) + logarithm / 2
        let size = ((half * half - logarithm / 0.147).squareRoot() - half).squareRoot()
        return 1.414_213_562_373_095 * (argument < 0 ? -size : size)
    }
}
