/// Functions of double-precision numbers without a C library, correct to about 1e-15.
enum RealMath {
    private static let ln2 = 0.693_147_180_559_945_3

    /// `e^x` as `2^n·e^r` with |r| ≤ ln 2 / 2, by the power series of e^r to r^13.
    static func exp(_ x: Double) -> Double {
        guard x == x else { return x }
        if x > 709.8 { return .infinity }
        if x < -745.2 { return 0 }
        let whole = (x / ln2).rounded(.toNearestOrEven)
        // ln 2 in two parts, so that the difference is exact.
        let rest = (x - whole * 0.693_147_180_369_123_8) - whole * 1.908_214_929_270_587_7e-10
        var series = 1.0
        var term = 13.0
        while term >= 1 {
            series = 1 + series * rest / term
            term -= 1
        }
        return scaled(series, by: Int(whole))
    }

    /// `value·2^exponent` for any exponent whose result matters.
    private static func scaled(_ value: Double, by exponent: Int) -> Double {
        let half = exponent / 2
        return value * power2(half) * power2(exponent - half)
    }

    private static func power2(_ exponent: Int) -> Double {
        Double(bitPattern: UInt64(exponent + 1023) << 52)
    }

    /// `e^x − 1` without cancellation near 0.
    static func expm1(_ x: Double) -> Double {
        guard x.magnitude < 0.3 else { return exp(x) - 1 }
        var series = 1.0
        var term = 14.0
        while term >= 2 {
            series = 1 + series * x / term
            term -= 1
        }
        return series * x
    }

    /// `log(1 + e^x)`.
    static func softplus(_ x: Double) -> Double {
        x > 0 ? x + log1p(exp(-x)) : log1p(exp(x))
    }

    /// `log(1 + x)` for x in 0...1.
    private static func log1p(_ x: Double) -> Double {
        2 * artanh(x / (2 + x))
    }

    /// The odd series of artanh for |x| ≤ ⅓.
    private static func artanh(_ x: Double) -> Double {
        let square = x * x
        var series = 0.0
        var odd = 35.0
        while odd >= 1 {
            series = series * square + 1 / odd
            odd -= 2
        }
        return series * x
    }

    /// The natural logarithm: `n·ln 2 + 2·artanh((m − 1)/(m + 1))` with m in √½...√2.
    static func log(_ x: Double) -> Double {
        guard x > 0, x < .infinity else { return x == 0 ? -.infinity : x > 0 ? x : .nan }
        var exponent = Double(x.exponent)
        var mantissa = x.significand
        if mantissa > 1.414_213_562_373_095 {
            mantissa *= 0.5
            exponent += 1
        }
        return exponent * ln2 + 2 * artanh((mantissa - 1) / (mantissa + 1))
    }

    /// The hyperbolic tangent.
    static func tanh(_ x: Double) -> Double {
        guard x.magnitude < 20 else { return x != x ? x : x > 0 ? 1 : -1 }
        let grown = expm1(2 * x)
        return grown / (grown + 2)
    }

    /// The error function: `2/√π·e^(−x²)·Σ 2^n·x^(2n+1)/(2n+1)!!`, all of whose terms have one sign.
    static func erf(_ x: Double) -> Double {
        guard x.magnitude < 6 else { return x != x ? x : x > 0 ? 1 : -1 }
        var term = x
        var sum = x
        var odd = 1.0
        while term.magnitude > sum.magnitude * 1e-17 {
            odd += 2
            term *= 2 * x * x / odd
            sum += term
        }
        return 1.128_379_167_095_512_6 * exp(-x * x) * sum
    }

    /// `base^exponent` with C's conventions for zeros, infinities and NaN.
    static func raise(_ base: Double, _ exponent: Double) -> Double {
        if exponent == 0 || base == 1 { return 1 }
        if base != base || exponent != exponent { return .nan }
        let isWhole = exponent.rounded(.towardZero) == exponent
        let isOdd = isWhole && exponent.magnitude < 0x1p53 && (exponent / 2).rounded(.towardZero) * 2 != exponent
        if base < 0, !isWhole, base > -.infinity { return .nan }
        if base == -1, exponent.magnitude == .infinity { return 1 }
        let magnitude = base.magnitude
        var power: Double
        if isWhole, exponent.magnitude <= 64 {
            power = whole(magnitude, Int(exponent.magnitude))
            if exponent < 0 { power = 1 / power }
        } else {
            power = exp(exponent * log(magnitude))
        }
        return base.sign == .minus && isOdd ? -power : power
    }

    private static func whole(_ base: Double, _ exponent: Int) -> Double {
        var result = 1.0
        for _ in 0..<exponent { result *= base }
        return result
    }

    /// C's `fmod`: the remainder with the sign of `a`.
    static func remainder(_ a: Double, _ b: Double) -> Double {
        guard b != 0, a.magnitude < .infinity, b == b else { return .nan }
        return a.truncatingRemainder(dividingBy: b)
    }
}
