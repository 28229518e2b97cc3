// Elementary functions on vectors. No C library: the same few hundred instructions serve a server and a
// microcontroller. Each function states its largest error, measured against double precision over its whole domain.
// They are transparent because the inliner gives up in a caller with several of them, and a call spills all registers.

@_transparent
private func bits(_ lanes: Lanes) -> LaneBits { unsafeBitCast(lanes, to: LaneBits.self) }

@_transparent
private func floats(_ bits: LaneBits) -> Lanes { unsafeBitCast(bits, to: Lanes.self) }

/// The larger of each pair; the second where the first is NaN.
@_transparent
func largest(_ a: Lanes, _ b: Lanes) -> Lanes { b.replacing(with: a, where: a .> b) }

/// The smaller of each pair; the second where the first is NaN.
@_transparent
func smallest(_ a: Lanes, _ b: Lanes) -> Lanes { b.replacing(with: a, where: a .< b) }

/// The larger of each pair; NaN where either is NaN, as ONNX Runtime has it.
@_transparent
func maximum(_ a: Lanes, _ b: Lanes) -> Lanes { largest(a, b).replacing(with: a, where: a .!= a) }

/// The smaller of each pair; NaN where either is NaN.
@_transparent
func minimum(_ a: Lanes, _ b: Lanes) -> Lanes { smallest(a, b).replacing(with: a, where: a .!= a) }

@_transparent
func magnitude(_ x: Lanes) -> Lanes { floats(bits(x) & LaneBits(repeating: 0x7FFF_FFFF)) }

/// `magnitude` with the sign of `sign`.
@_transparent
func copySign(_ magnitude: Lanes, _ sign: Lanes) -> Lanes {
    floats((bits(magnitude) & LaneBits(repeating: 0x7FFF_FFFF)) | (bits(sign) & LaneBits(repeating: Int32.min)))
}

/// 1.5·2^23: adding it leaves a small number's whole part in the low bits of the sum.
@inline(__always) private var shifter: Float { 12_582_912 }
/// The bits of ``shifter``.
@inline(__always) private var shifterBits: Int32 { 0x4B40_0000 }

/// Rounded to the nearest whole number, halves to even. Exact.
///
/// SSE2 has no such instruction; adding and subtracting ``shifter`` rounds by the hardware's own rule.
@_transparent
func roundToEven(_ x: Lanes) -> Lanes {
    let size = magnitude(x)
    let rounded = (size + Lanes(repeating: 8_388_608)) - Lanes(repeating: 8_388_608)
    return copySign(rounded, x).replacing(with: x, where: .!(size .< Lanes(repeating: 8_388_608)))
}

/// Rounded towards −∞. Exact.
@_transparent
func roundDown(_ x: Lanes) -> Lanes {
    let rounded = roundToEven(x)
    return rounded.replacing(with: rounded - 1, where: rounded .> x)
}

/// Rounded towards +∞. Exact.
@_transparent
func roundUp(_ x: Lanes) -> Lanes { -roundDown(-x) }

/// `a·x + b`, a step of Horner's scheme with constant coefficients.
@_transparent
private func horner(_ sum: Lanes, _ x: Lanes, _ coefficient: Float) -> Lanes {
    multiplyAdd(Lanes(repeating: coefficient), sum, x)
}

/// `e^x`, within 3 units in the last place; 0 below −104 and ∞ above 88.73.
///
/// `x = n·ln 2 + r` with |r| ≤ ½·ln 2, then `2^n·e^r` with Cephes' polynomial (expf.c). The scaling is done in two
/// halves, so that results below the smallest normal number come out right.
@_transparent
func exponential(_ x: Lanes) -> Lanes {
    let bounded = smallest(largest(x, Lanes(repeating: -105)), Lanes(repeating: 89))
    let shifted = multiplyAdd(Lanes(repeating: shifter), bounded, Lanes(repeating: 1.442_695_04))
    let count = shifted - shifter
    var rest = multiplyAdd(bounded, count, Lanes(repeating: -0.693_359_375))
    rest = multiplyAdd(rest, count, Lanes(repeating: 2.121_944_4e-4))
    var series = Lanes(repeating: 1.987_569_15e-4)
    series = horner(series, rest, 1.398_199_950_7e-3)
    series = horner(series, rest, 8.333_451_907_3e-3)
    series = horner(series, rest, 4.166_579_589_4e-2)
    series = horner(series, rest, 1.666_666_545_9e-1)
    series = horner(series, rest, 5.000_000_120_1e-1)
    let power = multiplyAdd(rest + 1, series, rest * rest)
    let exponent = bits(shifted) &- LaneBits(repeating: shifterBits)
    let half = exponent &>> 1
    let first = floats((half &+ 127) &<< 23)
    let second = floats((exponent &- half &+ 127) &<< 23)
    // A comparison with NaN is false: NaN passes through.
    return (power * first * second).replacing(with: x, where: x .!= x)
}

/// The natural logarithm, within 2 units in the last place (1e-7 absolute near 1); −∞ at 0, NaN below.
///
/// `x = 2^n·m` with m in √½...√2; Cephes' polynomial (logf.c).
@_transparent
func logarithm(_ x: Lanes) -> Lanes {
    let isTiny = x .< Lanes(repeating: Float.leastNormalMagnitude)
    let scaled = x.replacing(with: x * 8_388_608, where: isTiny)
    let raw = bits(scaled)
    // Subtracting √½'s bits makes the exponent change at √½ instead of at 1.
    let offset = raw &- LaneBits(repeating: 0x3F35_04F3)
    let exponent = offset &>> 23
    let mantissa = floats(raw &- (exponent &<< 23))
    var count = floats(exponent &+ LaneBits(repeating: shifterBits)) - shifter
    count = count.replacing(with: count - 23, where: isTiny)
    let rest = mantissa - 1
    let square = rest * rest
    var series = Lanes(repeating: 7.037_683_629_2e-2)
    series = horner(series, rest, -1.151_461_031_0e-1)
    series = horner(series, rest, 1.167_699_874_0e-1)
    series = horner(series, rest, -1.242_014_084_6e-1)
    series = horner(series, rest, 1.424_932_278_7e-1)
    series = horner(series, rest, -1.666_805_766_5e-1)
    series = horner(series, rest, 2.000_071_476_5e-1)
    series = horner(series, rest, -2.499_999_399_3e-1)
    series = horner(series, rest, 3.333_333_117_4e-1)
    var result = series * rest * square
    result = multiplyAdd(result, count, Lanes(repeating: -2.121_944_4e-4))
    result = multiplyAdd(result, square, Lanes(repeating: -0.5))
    result = multiplyAdd(rest + result, count, Lanes(repeating: 0.693_359_375))
    let zero = Lanes(repeating: 0)
    result = result.replacing(with: -.infinity, where: x .== zero)
    result = result.replacing(with: .nan, where: .!(x .>= zero))
    return result.replacing(with: x, where: x .== Lanes(repeating: .infinity))
}

/// `tanh x`, within 5 units in the last place: a rational approximation of degree 13/6 on |x| ≤ 7.905 (coefficients
/// from Eigen's `ptanh_float`), which hardly grows from there, and ±1 from 9.01 on, where floats round to it.
@_transparent
func hyperbolicTangent(_ x: Lanes) -> Lanes {
    let limit = Lanes(repeating: 7.905_311)
    let bounded = smallest(largest(x, -limit), limit)
    let square = bounded * bounded
    var above = Lanes(repeating: -2.760_768_47e-16)
    above = horner(above, square, 2.000_187_90e-13)
    above = horner(above, square, -8.604_671_52e-11)
    above = horner(above, square, 5.122_297_09e-08)
    above = horner(above, square, 1.485_722_36e-05)
    above = horner(above, square, 6.372_619_29e-04)
    above = horner(above, square, 4.893_524_56e-03)
    var below = Lanes(repeating: 1.198_258_39e-06)
    below = horner(below, square, 1.185_347_06e-04)
    below = horner(below, square, 2.268_434_63e-03)
    below = horner(below, square, 4.893_525_19e-03)
    let size = magnitude(x)
    var result = bounded * above / below
    result = result.replacing(with: copySign(Lanes(repeating: 1), x), where: size .> Lanes(repeating: 9.01))
    return result.replacing(with: x, where: (size .< Lanes(repeating: 0.000_4)) .| (x .!= x))
}

/// `1/(1 + e^−x)`, within 4 units in the last place.
@_transparent
func logistic(_ x: Lanes) -> Lanes {
    1 / (1 + exponential(-x))
}

/// The error function, within 4e-7 relative.
///
/// Below 0.84375 the rational function of FreeBSD's s_erff.c; above, Abramowitz and Stegun 7.1.26.
@_transparent
func errorFunction(_ x: Lanes) -> Lanes {
    let size = magnitude(x)
    let square = x * x
    var above = Lanes(repeating: -2.376_301_66e-05)
    above = horner(above, square, -5.770_270_30e-03)
    above = horner(above, square, -2.848_174_96e-02)
    above = horner(above, square, -3.250_421_07e-01)
    above = horner(above, square, 1.283_791_67e-01)
    var below = Lanes(repeating: -3.960_228_28e-06)
    below = horner(below, square, 1.324_947_38e-04)
    below = horner(below, square, 5.081_306_28e-03)
    below = horner(below, square, 6.502_225e-02)
    below = horner(below, square, 3.979_172_24e-01)
    below = horner(below, square, 1)
    let near = multiplyAdd(x, x, above / below)
    let t = 1 / multiplyAdd(Lanes(repeating: 1), size, Lanes(repeating: 0.327_591_1))
    var series = Lanes(repeating: 1.061_405_43)
    series = horner(series, t, -1.453_152_03)
    series = horner(series, t, 1.421_413_74)
    series = horner(series, t, -0.284_496_736)
    series = horner(series, t, 0.254_829_592)
    let far = copySign(1 - series * t * exponential(-square), x)
    return far.replacing(with: near, where: .!(size .> Lanes(repeating: 0.843_75)))
}

/// `log(1 + e^x)`, without overflow and, for very negative x, without losing `e^x` beside 1.
@_transparent
func softplus(_ x: Lanes) -> Lanes {
    let small = exponential(-magnitude(x))
    let sum = 1 + small
    // log(1 + e) = log(u)·e/(u − 1) with u = 1 + e rounded (Kahan): exact where e vanishes beside 1.
    let difference = sum - 1
    let ratio = logarithm(sum) * (small / difference)
    let tail = ratio.replacing(with: small, where: difference .== Lanes(repeating: 0))
    return largest(x, Lanes(repeating: 0)) + tail
}
