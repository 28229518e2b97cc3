/// Attribute words of integer operations: the order here is the format's. Factors are the bits of a float32.
extension IntegerOperation {
    var words: [Int32] {
        switch self {
        case .quantize(let axis), .dequantize(let axis): [Int32(clamping: axis)]
        case .gemm(let range): range.words
        case .convolution(let window, let groups, let zeroPoint, let range):
            window.words + [Int32(clamping: groups), Int32(clamping: zeroPoint)] + range.words
        case .depthwise(let window, let zeroPoint, let range):
            window.words + [Int32(clamping: zeroPoint)] + range.words
        case .binary(let arithmetic, let range): arithmetic.words + range.words
        case .averagePool(let window, let average, let range): window.words + average.words + range.words
        case .maxPool(let window): window.words
        case .lookup: []
        }
    }

    /// Reads the attributes of an integer `opcode`; nil for other opcodes and when words are missing or out of range.
    static func decode(_ opcode: Opcode, _ words: inout WordCursor) -> IntegerOperation? {
        switch opcode {
        case .quantize: return words.axis().map { .quantize(axis: $0) }
        case .dequantize: return words.axis().map { .dequantize(axis: $0) }
        case .integerGemm: return ByteRange(&words).map { .gemm($0) }
        case .lookup: return .lookup
        case .integerBinary:
            guard let arithmetic = ByteArithmetic(&words), let range = ByteRange(&words) else { return nil }
            return .binary(arithmetic, range)
        case .integerConvolution, .integerDepthwise, .integerAveragePool, .integerMaxPool:
            return decodeWindowed(opcode, &words)
        default: return nil
        }
    }

    private static func decodeWindowed(_ opcode: Opcode, _ words: inout WordCursor) -> IntegerOperation? {
        guard let window = Window(&words) else { return nil }
        switch opcode {
        case .integerConvolution:
            guard let groups = words.next(), groups >= 1, let zeroPoint = words.byte(), let range = ByteRange(&words)
            else { return nil }
            return .convolution(window, groups: Int(groups), inputZeroPoint: zeroPoint, range)
        case .integerDepthwise:
            guard let zeroPoint = words.byte(), let range = ByteRange(&words) else { return nil }
            return .depthwise(window, inputZeroPoint: zeroPoint, range)
        case .integerAveragePool:
            guard let average = ByteAverage(&words), let range = ByteRange(&words) else { return nil }
            return .averagePool(window, average, range)
        default: return .maxPool(window)
        }
    }
}

extension ByteArithmetic {
    var words: [Int32] {
        [function.rawValue, Int32(clamping: firstZeroPoint), Int32(clamping: secondZeroPoint)]
            + [firstScale, secondScale, resultScale].map { Int32(bitPattern: $0.bitPattern) }
    }

    init?(_ words: inout WordCursor) {
        guard let function = words.next().flatMap({ BinaryFunction(rawValue: $0) }), let first = words.byte(),
            let second = words.byte(), let firstScale = words.factor(), let secondScale = words.factor(),
            let resultScale = words.factor()
        else { return nil }
        self.init(
            function: function, firstZeroPoint: first, secondZeroPoint: second, firstScale: firstScale,
            secondScale: secondScale, resultScale: resultScale)
    }
}

extension ByteAverage {
    var words: [Int32] {
        [countsPadding ? 1 : 0, Int32(clamping: zeroPoint)]
            + [scale, resultScale].map { Int32(bitPattern: $0.bitPattern) }
    }

    init?(_ words: inout WordCursor) {
        guard let counts = words.flag(), let zeroPoint = words.byte(), let scale = words.factor(),
            let resultScale = words.factor()
        else { return nil }
        self.init(countsPadding: counts, zeroPoint: zeroPoint, scale: scale, resultScale: resultScale)
    }
}

extension ByteRange {
    var words: [Int32] { [Int32(clamping: zeroPoint), Int32(clamping: low), Int32(clamping: high)] }

    init?(_ words: inout WordCursor) {
        guard let zeroPoint = words.byte(), let low = words.byte(), let high = words.byte() else { return nil }
        self.init(zeroPoint: zeroPoint, low: low, high: high)
    }
}

extension WordCursor {
    /// A number of int8 or uint8.
    mutating func byte() -> Int? {
        guard let word = next(), word >= -128, word <= 255 else { return nil }
        return Int(word)
    }

    /// The bits of a finite float.
    mutating func factor() -> Float? {
        guard let word = next() else { return nil }
        let factor = Float(bitPattern: UInt32(bitPattern: word))
        return factor.isFinite ? factor : nil
    }
}
