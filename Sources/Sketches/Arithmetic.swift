/// The few functions that this module needs and that the standard library has only in Glibc or Foundation, neither
/// of which exists on a microcontroller.

/// a + b, or the greatest value if that does not fit: counts from outside must not be able to stop a program.
@inline(__always)
func saturatingSum(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? .max : sum
}

/// ln x for a normal x > 0, to within 1e-15 relative.
///
/// x = m · 2^e with m in √½…√2, then ln m = 2 artanh((m - 1) / (m + 1)) by its power series: the argument is below
/// 0.172, so eleven terms leave less than 1e-17 (Abramowitz and Stegun, 4.1.27).
func naturalLogarithm(_ x: Double) -> Double {
    var significand = x.significand
    var exponent = Double(x.exponent)
    if significand > 1.4142135623730951 {
        significand /= 2
        exponent += 1
    }
    let ratio = (significand - 1) / (significand + 1)
    let square = ratio * ratio
    var power = ratio
    var sum = 0.0
    for order in stride(from: 1.0, through: 21, by: 2) {
        sum += power / order
        power *= square
    }
    return 2 * sum + exponent * 0.6931471805599453
}
