import ModelImage

/// What operators compute with: `Int64`, which wraps, or `Double`.
protocol WideNumber: BitwiseCopyable {
    static var zero: Self { get }
    static var one: Self { get }
    /// The smallest number, −∞ for floats.
    static var lowest: Self { get }
    /// The largest number, +∞ for floats.
    static var highest: Self { get }
    init(_ value: Double)
    /// The number for an integer.
    init(integer: Int64)
    /// The number as a float, which is exact up to 2^53.
    var real: Double { get }
    /// The number as an integer: towards zero, saturated; NaN gives 0.
    var integer: Int64 { get }
    static func plus(_ a: Self, _ b: Self) -> Self
    static func minus(_ a: Self, _ b: Self) -> Self
    static func times(_ a: Self, _ b: Self) -> Self
    static func over(_ a: Self, _ b: Self) -> Self
    static func raise(_ a: Self, _ b: Self) -> Self
    /// The remainder with the sign of `a`.
    static func remainder(_ a: Self, _ b: Self) -> Self
    static func less(_ a: Self, _ b: Self) -> Bool
    static func equal(_ a: Self, _ b: Self) -> Bool
    /// A function of one number; integers know those that give integers.
    static func map(_ function: UnaryFunction, _ x: Self, _ alpha: Double, _ beta: Double) -> Self
}

extension WideNumber {
    var isZero: Bool { Self.equal(self, .zero) }

    /// A NaN on either side wins.
    static func lesser(_ a: Self, _ b: Self) -> Self { less(a, b) || !equal(a, a) ? a : b }

    /// A NaN on either side wins.
    static func greater(_ a: Self, _ b: Self) -> Self { less(b, a) || !equal(a, a) ? a : b }

    /// The functions of two numbers that give a number.
    static func combine(_ operation: PairOperation, _ a: Self, _ b: Self) -> Self {
        switch operation {
        case .add: return plus(a, b)
        case .subtract: return minus(a, b)
        case .multiply: return times(a, b)
        case .divide: return over(a, b)
        case .power: return raise(a, b)
        case .minimum: return lesser(a, b)
        case .maximum: return greater(a, b)
        case .parametricRelu: return less(a, .zero) ? times(a, b) : a
        case .remainder: return remainder(a, b)
        case .modulo:
            let rest = remainder(a, b)
            return !rest.isZero && less(rest, .zero) != less(b, .zero) ? plus(rest, b) : rest
        default: return holds(operation, a, b) ? .one : .zero
        }
    }

    /// The predicates of two numbers.
    static func holds(_ operation: PairOperation, _ a: Self, _ b: Self) -> Bool {
        switch operation {
        case .equal: equal(a, b)
        case .greater: less(b, a)
        case .greaterOrEqual: less(b, a) || equal(a, b)
        case .less: less(a, b)
        case .lessOrEqual: less(a, b) || equal(a, b)
        case .and: !a.isZero && !b.isZero
        case .or: !a.isZero || !b.isZero
        default: a.isZero != b.isZero
        }
    }
}

extension Int64: WideNumber {
    init(integer: Int64) { self = integer }
    init(_ value: Double) { self.init(saturating: value) }
    static var one: Int64 { 1 }
    static var lowest: Int64 { .min }
    static var highest: Int64 { .max }
    var real: Double { Double(self) }
    var integer: Int64 { self }
    static func plus(_ a: Int64, _ b: Int64) -> Int64 { a &+ b }
    static func minus(_ a: Int64, _ b: Int64) -> Int64 { a &- b }
    static func times(_ a: Int64, _ b: Int64) -> Int64 { a &* b }
    static func over(_ a: Int64, _ b: Int64) -> Int64 { b == 0 ? 0 : a.dividedReportingOverflow(by: b).partialValue }
    static func remainder(_ a: Int64, _ b: Int64) -> Int64 { b == 0 || b == -1 ? 0 : a % b }
    static func less(_ a: Int64, _ b: Int64) -> Bool { a < b }
    static func equal(_ a: Int64, _ b: Int64) -> Bool { a == b }

    /// By repeated squaring; a negative exponent gives what rounding towards zero leaves.
    static func raise(_ base: Int64, _ exponent: Int64) -> Int64 {
        guard exponent >= 0 else { return base == 1 ? 1 : base == -1 ? (exponent & 1 == 0 ? 1 : -1) : 0 }
        var result: Int64 = 1
        var square = base
        var rest = exponent
        while rest > 0 {
            if rest & 1 == 1 { result = result &* square }
            square = square &* square
            rest >>= 1
        }
        return result
    }

    static func map(_ function: UnaryFunction, _ x: Int64, _ alpha: Double, _ beta: Double) -> Int64 {
        switch function {
        case .identity, .floor, .ceil, .round: x
        case .abs: x < 0 ? 0 &- x : x
        case .negate: 0 &- x
        case .sign: x.signum()
        case .relu: Swift.max(x, 0)
        default: Int64(saturating: Double.map(function, Double(x), alpha, beta))
        }
    }

    /// Towards zero, within the range; NaN gives 0.
    init(saturating value: Double) {
        if value.isNaN {
            self = 0
        } else if value >= 0x1p63 {
            self = .max
        } else if value <= -0x1p63 {
            self = .min
        } else {
            self = Int64(exactly: value.rounded(.towardZero)) ?? 0
        }
    }
}

extension Double: WideNumber {
    init(integer: Int64) { self = Double(integer) }
    static var one: Double { 1 }
    static var lowest: Double { -.infinity }
    static var highest: Double { .infinity }
    var real: Double { self }
    var integer: Int64 { Int64(saturating: self) }
    static func plus(_ a: Double, _ b: Double) -> Double { a + b }
    static func minus(_ a: Double, _ b: Double) -> Double { a - b }
    static func times(_ a: Double, _ b: Double) -> Double { a * b }
    static func over(_ a: Double, _ b: Double) -> Double { a / b }
    static func raise(_ a: Double, _ b: Double) -> Double { RealMath.raise(a, b) }
    static func remainder(_ a: Double, _ b: Double) -> Double { RealMath.remainder(a, b) }
    static func less(_ a: Double, _ b: Double) -> Bool { a < b }
    static func equal(_ a: Double, _ b: Double) -> Bool { a == b }

    static func map(_ function: UnaryFunction, _ x: Double, _ alpha: Double, _ beta: Double) -> Double {
        switch function {
        case .identity: x
        case .relu: x < 0 ? 0 : x
        case .leakyRelu: x < 0 ? alpha * x : x
        case .elu: x < 0 ? alpha * RealMath.expm1(x) : x
        case .selu: beta * (x > 0 ? x : alpha * RealMath.expm1(x))
        case .sigmoid: 1 / (1 + RealMath.exp(-x))
        case .tanh: RealMath.tanh(x)
        case .hardSigmoid: Swift.max(0, Swift.min(1, alpha * x + beta))
        case .hardSwish: x * Swift.max(0, Swift.min(1, x / 6 + 0.5))
        case .softplus: RealMath.softplus(x)
        case .softsign: x / (1 + x.magnitude)
        case .gelu: x / 2 * (1 + RealMath.erf(x * 0.707_106_781_186_547_5))
        case .geluTanh: x / 2 * (1 + RealMath.tanh(0.797_884_560_802_865_4 * (x + 0.044715 * x * x * x)))
        case .clip: x < alpha ? Swift.min(alpha, beta) : x > beta ? beta : x
        case .thresholdedRelu: x > alpha ? x : 0
        case .swish: x / (1 + RealMath.exp(-alpha * x))
        case .erf: RealMath.erf(x)
        case .exp: RealMath.exp(x)
        case .log: RealMath.log(x)
        case .sqrt: x.squareRoot()
        case .abs: x.magnitude
        case .negate: -x
        case .reciprocal: 1 / x
        case .floor: x.rounded(.down)
        case .ceil: x.rounded(.up)
        case .round: x.rounded(.toNearestOrEven)
        case .sign: x > 0 ? 1 : x < 0 ? -1 : x
        }
    }
}
