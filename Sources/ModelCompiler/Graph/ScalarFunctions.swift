import Glibc
import ModelImage

/// The image's functions of one and two elements, in double precision. Formulas: ``UnaryFunction``.
enum ScalarFunctions {
    static func value(of activation: Activation, at x: Double) -> Double {
        let alpha = Double(activation.alpha)
        let beta = Double(activation.beta)
        switch activation.function {
        case .identity: return x
        case .relu: return x < 0 ? 0 : x
        case .leakyRelu: return x < 0 ? alpha * x : x
        case .elu: return x < 0 ? alpha * expm1(x) : x
        case .selu: return beta * (x > 0 ? x : alpha * expm1(x))
        case .sigmoid: return sigmoid(x)
        case .tanh: return tanh(x)
        case .hardSigmoid: return max(0, min(1, alpha * x + beta))
        case .hardSwish: return x * max(0, min(1, x / 6 + 0.5))
        case .softplus: return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x))
        case .softsign: return x / (1 + Swift.abs(x))
        case .gelu: return x / 2 * (1 + erf(x / 2.0.squareRoot()))
        case .geluTanh: return x / 2 * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
        case .clip: return min(beta, max(alpha, x))
        case .thresholdedRelu: return x > alpha ? x : 0
        case .swish: return x * sigmoid(alpha * x)
        case .erf: return erf(x)
        case .exp: return exp(x)
        case .log: return log(x)
        case .sqrt: return x.squareRoot()
        case .abs: return Swift.abs(x)
        case .negate: return -x
        case .reciprocal: return 1 / x
        case .floor: return x.rounded(.down)
        case .ceil: return x.rounded(.up)
        case .round: return x.rounded(.toNearestOrEven)
        case .sign: return x > 0 ? 1 : x < 0 ? -1 : x
        }
    }

    static func value(of function: BinaryFunction, _ x: Double, _ y: Double) -> Double {
        switch function {
        case .add: x + y
        case .subtract: x - y
        case .multiply: x * y
        case .divide: x / y
        case .power: pow(x, y)
        case .minimum: x.isNaN || x < y ? x : y
        case .maximum: x.isNaN || x > y ? x : y
        case .parametricRelu: x < 0 ? y * x : x
        }
    }

    /// Integer arithmetic that wraps around; `nil` for a division by zero or a power that has no integer value.
    static func value(of function: BinaryFunction, _ x: Int64, _ y: Int64) -> Int64? {
        switch function {
        case .add: return x &+ y
        case .subtract: return x &- y
        case .multiply: return x &* y
        case .divide: return y == 0 ? nil : x.dividedReportingOverflow(by: y).partialValue
        case .power:
            guard y >= 0, y < 64 || x == 0 || x == 1 else { return nil }
            return (0..<min(y, 64)).reduce(Int64(1)) { product, _ in product &* x }
        case .minimum: return min(x, y)
        case .maximum: return max(x, y)
        case .parametricRelu: return x < 0 ? x &* y : x
        }
    }

    private static func sigmoid(_ x: Double) -> Double {
        1 / (1 + exp(-x))
    }
}
