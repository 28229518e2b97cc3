/// `x^y` for floats, in double precision inside, so that the result is correct to about one unit in the last place
/// whatever the size of `y·log x`.
public enum Power {
    /// `base^exponent` with C's `powf` conventions for zeros, infinities and NaN.
    public static func raise(_ base: Float, _ exponent: Float) -> Float {
        if exponent == 0 || base == 1 { return 1 }
        if base.isNaN || exponent.isNaN { return .nan }
        // From 2^23 on every float is whole, from 2^24 on even.
        let isSmall = abs(exponent) < 16_777_216
        let isInteger = !isSmall || Float(Int32(exponent)) == exponent
        let isOdd = isSmall && isInteger && Int32(exponent) & 1 == 1
        if base == 0 || base.isInfinite {
            let grows = (base == 0) == (exponent < 0)
            let magnitude: Float = grows ? .infinity : 0
            return base.sign == .minus && isOdd ? -magnitude : magnitude
        }
        if exponent.isInfinite {
            if base == -1 { return 1 }
            return (abs(base) > 1) == (exponent > 0) ? .infinity : 0
        }
        if base < 0, !isInteger { return .nan }
        let magnitude = exponential2(Double(exponent) * logarithm2(Double(abs(base))))
        return base < 0 && isOdd ? -magnitude : magnitude
    }

    /// The binary logarithm of a positive, finite number, to about 1e-15 relative to the larger of 1 and itself:
    /// `log2 m = 2/ln 2 · artanh((m − 1)/(m + 1))` with m in √½...√2, by the odd series of artanh.
    private static func logarithm2(_ x: Double) -> Double {
        var exponent = Double(x.exponent)
        var mantissa = x.significand
        if mantissa > 1.414_213_562_373_095_1 {
            mantissa *= 0.5
            exponent += 1
        }
        let ratio = (mantissa - 1) / (mantissa + 1)
        let square = ratio * ratio
        var series = 1.0 / 23
        var odd = 21.0
        while odd >= 1 {
            series = series * square + 1 / odd
            odd -= 2
        }
        return exponent + 2 * 1.442_695_040_888_963_4 * ratio * series
    }

    /// `2^x` as a float: `2^n · e^(f·ln 2)` with n whole and |f| ≤ ½, by the power series of e^t (|t| ≤ 0.35) to t^12.
    private static func exponential2(_ x: Double) -> Float {
        if x > 200 { return .infinity }
        if x < -200 { return 0 }
        let whole = Int32(x < 0 ? x - 0.5 : x + 0.5)
        let power = (x - Double(whole)) * 0.693_147_180_559_945_3
        var series = 1.0
        var term = 12.0
        while term >= 1 {
            series = 1 + series * power / term
            term -= 1
        }
        return Float(Double(sign: .plus, exponent: Int(whole), significand: series))
    }
}
