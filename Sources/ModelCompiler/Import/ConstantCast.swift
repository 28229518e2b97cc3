import ModelImage

/// Conversions between element types of constants, by the rules of ONNX's Cast.
enum ConstantCast {
    static func cast(_ x: Constant, to type: ElementType) -> Constant {
        let elements: Constant.Elements
        switch (x.elements, isFloating(type)) {
        case (.floats(let values), true): elements = .floats(type == .float16 ? values.map(rounded) : values)
        case (.floats(let values), false): elements = .integers(values.map { integer(Double($0), type) })
        case (.integers(let values), true): elements = .floats(values.map { Float($0) })
        case (.integers(let values), false): elements = .integers(values.map { wrapped($0, type) })
        }
        return Constant(elementType: type, shape: x.shape, elements: elements)
    }

    static func isFloating(_ type: ElementType) -> Bool {
        switch type {
        case .float32, .float64, .float16: true
        default: false
        }
    }

    /// Towards zero; outside the type's range the result is undefined in ONNX and saturates here.
    static func integer(_ value: Double, _ type: ElementType) -> Int64 {
        if type == .bool { return value == 0 ? 0 : 1 }
        guard !value.isNaN else { return 0 }
        let range = range(type)
        if value <= Double(range.lowerBound) { return range.lowerBound }
        if value >= Double(range.upperBound) { return range.upperBound }
        return Int64(value)
    }

    private static func range(_ type: ElementType) -> ClosedRange<Int64> {
        switch type {
        case .bool: 0...1
        case .int8: -0x80...0x7F
        case .uint8: 0...0xFF
        case .int16: -0x8000...0x7FFF
        case .int32: -0x8000_0000...0x7FFF_FFFF
        case .int64, .float16, .float32, .float64: .min ... .max
        }
    }

    private static func wrapped(_ value: Int64, _ type: ElementType) -> Int64 {
        switch type {
        case .bool: value == 0 ? 0 : 1
        case .int8: Int64(Int8(truncatingIfNeeded: value))
        case .uint8: Int64(UInt8(truncatingIfNeeded: value))
        case .int16: Int64(Int16(truncatingIfNeeded: value))
        case .int32: Int64(Int32(truncatingIfNeeded: value))
        default: value
        }
    }

    /// The nearest half-precision number, ties to even.
    private static func rounded(_ value: Float) -> Float {
        guard value.isFinite, value != 0 else { return value }
        // Half precision keeps 10 bits of the fraction, and steps of 2⁻²⁴ below 2⁻¹⁴.
        let exponent = max(Int(value.exponent), -14)
        let step = Float(sign: .plus, exponent: exponent - 10, significand: 1)
        let result = (value / step).rounded(.toNearestOrEven) * step
        return result.magnitude >= 65520 ? (value < 0 ? -.infinity : .infinity) : result
    }
}
