import ModelImage

/// A type of tensor elements. Operators compute in the wide type: exact for all integers, double precision for floats.
protocol Element: BitwiseCopyable {
    /// `Int64` for integers and bool, `Double` for floats.
    associatedtype Wide: WideNumber
    /// The element as a wide number.
    var wide: Wide { get }
    /// The element nearest to a wide number; integers wrap, as in ONNX's arithmetic.
    init(narrowing wide: Wide)
    /// The integers that the type holds; for floats all.
    static var range: ClosedRange<Int64> { get }
}

extension Element {
    static var range: ClosedRange<Int64> { .min ... .max }

    /// The smallest element, −∞ for floats.
    static var lowest: Self {
        Self(narrowing: Wide.self == Double.self ? .lowest : Wide(integer: range.lowerBound))
    }

    /// The largest element, +∞ for floats.
    static var highest: Self {
        Self(narrowing: Wide.self == Double.self ? .highest : Wide(integer: range.upperBound))
    }
}

extension Element where Self: FixedWidthInteger {
    static var range: ClosedRange<Int64> { Int64(Self.min)...Int64(Self.max) }
}

extension Float: Element {
    var wide: Double { Double(self) }
    init(narrowing wide: Double) { self = Float(wide) }
}

extension Double: Element {
    var wide: Double { self }
    init(narrowing wide: Double) { self = wide }
}

extension Int64: Element {
    var wide: Int64 { self }
    init(narrowing wide: Int64) { self = wide }
}

extension Int32: Element {
    var wide: Int64 { Int64(self) }
    init(narrowing wide: Int64) { self = Int32(truncatingIfNeeded: wide) }
}

extension Int16: Element {
    var wide: Int64 { Int64(self) }
    init(narrowing wide: Int64) { self = Int16(truncatingIfNeeded: wide) }
}

extension Int8: Element {
    var wide: Int64 { Int64(self) }
    init(narrowing wide: Int64) { self = Int8(truncatingIfNeeded: wide) }
}

extension UInt8: Element {
    var wide: Int64 { Int64(self) }
    init(narrowing wide: Int64) { self = UInt8(truncatingIfNeeded: wide) }
}

/// A bool as ONNX stores it: one byte, true when it is not 0.
struct Flag: Element {
    let byte: UInt8

    static var range: ClosedRange<Int64> { 0...1 }

    init(_ isTrue: Bool) { byte = isTrue ? 1 : 0 }

    var isTrue: Bool { byte != 0 }
    var wide: Int64 { isTrue ? 1 : 0 }
    init(narrowing wide: Int64) { self.init(wide != 0) }
}

/// A half-precision float (IEEE 754 binary16), which not every processor computes with.
struct Half: Element {
    let bits: UInt16

    var wide: Double {
        let magnitude = UInt64(bits & 0x7FFF)
        let value: Double
        switch magnitude >> 10 {
        case 0: value = Double(magnitude) * 0x1p-24
        case 31: value = magnitude == 0x7C00 ? .infinity : .nan
        default: value = Double(bitPattern: (magnitude << 42) + (1008 << 52))
        }
        return bits & 0x8000 == 0 ? value : -value
    }

    /// Rounded to the nearest, ties to even.
    init(narrowing wide: Double) {
        let sign: UInt16 = wide.sign == .minus ? 0x8000 : 0
        let magnitude = wide.magnitude
        if wide.isNaN {
            bits = 0x7E00
        } else if magnitude >= 65520 {
            bits = sign | 0x7C00
        } else {
            // Adding a number whose last place has the weight of half's last place there rounds as wanted.
            let weight = max(Int(magnitude.bitPattern >> 52) - 1023, -14) - 10
            let rounder = Double(bitPattern: UInt64(weight + 52 + 1023) << 52)
            let rounded = (magnitude + rounder) - rounder
            // Units of 2^-24 up to 2^-14, then sign, exponent and fraction.
            if rounded < 0x1p-14 {
                bits = sign | UInt16(rounded * 0x1p24)
            } else {
                bits = sign | UInt16(truncatingIfNeeded: (rounded.bitPattern >> 42) - (1008 << 10))
            }
        }
    }
}

/// Work that is the same for every element type: ``ElementType/prepare(_:)`` calls it with the type.
protocol ElementVisitor {
    associatedtype Result
    func visit<E: Element>(_ type: E.Type) throws(ImageError) -> Result
}

extension ElementType {
    /// Specialises a visitor for this type.
    func accept<Visitor: ElementVisitor>(_ visitor: Visitor) throws(ImageError) -> Visitor.Result {
        switch self {
        case .float32: try visitor.visit(Float.self)
        case .float64: try visitor.visit(Double.self)
        case .float16: try visitor.visit(Half.self)
        case .int64: try visitor.visit(Int64.self)
        case .int32: try visitor.visit(Int32.self)
        case .int16: try visitor.visit(Int16.self)
        case .int8: try visitor.visit(Int8.self)
        case .uint8: try visitor.visit(UInt8.self)
        case .bool: try visitor.visit(Flag.self)
        }
    }
}
