/// The 16-bit floats of IEEE 754: written by hand because the standard library's `Float16` does not exist on every
/// platform that a device may be.
enum HalfPrecision {
    /// The one encoding of "not a number" in deterministic CBOR.
    static let notANumber: UInt16 = 0x7E00

    /// The value of 16 bits: sign, 5 bits of exponent (bias 15), 10 of fraction.
    static func value(of bits: UInt16) -> Double {
        let sign: FloatingPointSign = bits >> 15 == 0 ? .plus : .minus
        let exponent = Int(bits >> 10 & 31)
        let fraction = Double(bits & 1023)
        switch exponent {
        case 0: return Double(sign: sign, exponent: -24, significand: fraction)
        case 31: return fraction == 0 ? Double(sign: sign, exponent: 0, significand: .infinity) : .nan
        default: return Double(sign: sign, exponent: exponent - 25, significand: fraction + 1024)
        }
    }

    /// The bits of a value that 16 bits hold exactly, or nil.
    static func bits(of value: Double) -> UInt16? {
        guard !value.isNaN else { return notANumber }
        let single = Float(value)
        guard Double(single) == value else { return nil }
        let sign = UInt16(truncatingIfNeeded: single.bitPattern >> 16) & 0x8000
        let fraction = single.bitPattern & 0x7F_FFFF
        switch Int(single.bitPattern >> 23 & 0xFF) - 127 {
        case 128: return sign | 0x7C00
        case -127: return fraction == 0 ? sign : nil
        case let exponent where (-14...15).contains(exponent):
            guard fraction & 0x1FFF == 0 else { return nil }
            return sign | UInt16(exponent + 15) << 10 | UInt16(truncatingIfNeeded: fraction >> 13)
        case let exponent where (-24 ..< -14).contains(exponent):
            let significand = fraction | 0x80_0000
            let shift = UInt32(-1 - exponent)
            guard significand & (1 << shift - 1) == 0 else { return nil }
            return sign | UInt16(truncatingIfNeeded: significand >> shift)
        default: return nil
        }
    }
}
