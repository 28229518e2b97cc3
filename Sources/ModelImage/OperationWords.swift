/// An operation's attributes as 32-bit words: the order here is the format's.
extension Operation {
    /// The attribute words.
    var words: [Int32] {
        switch self {
        case .gemm, .unary, .copy: []
        case .matMul(let transposedRight): [transposedRight ? 1 : 0]
        case .convolution(let window, let groups): window.words + [Int32(clamping: groups)]
        case .depthwise(let window), .maxPool(let window): window.words
        case .averagePool(let window, let countsPadding): window.words + [countsPadding ? 1 : 0]
        case .binary(let function): [function.rawValue]
        case .affine(let axis), .concat(let axis): [Int32(clamping: axis)]
        case .transpose(let permutation): permutation.words
        case .slice(let starts, let steps): starts.words + steps.words
        case .pad(let before, let mode): [mode.rawValue] + before.words
        case .softmax(let axis, let logarithmic): [Int32(clamping: axis), logarithmic ? 1 : 0]
        case .reduce(let function, let axes): [function.rawValue] + axes.words
        case .argMax(let axis, let smallest, let last):
            [Int32(clamping: axis), smallest ? 1 : 0, last ? 1 : 0]
        case .integer(let operation): operation.words
        case .portable(_, let words): words
        }
    }

    /// Reads the attributes of `opcode`; nil when words are missing, left over or out of range.
    static func decode(_ opcode: Opcode, _ words: inout WordCursor) -> Operation? {
        let operation: Operation? =
            switch opcode {
            case .gemm: .gemm
            case .unary: .unary
            case .copy: .copy
            case .matMul: words.flag().map { .matMul(transposedRight: $0) }
            case .convolution, .depthwise, .maxPool, .averagePool: decodeWindowed(opcode, &words)
            case .binary: words.next().flatMap { BinaryFunction(rawValue: $0) }.map { .binary($0) }
            case .affine: words.axis().map { .affine(axis: $0) }
            case .concat: words.axis().map { .concat(axis: $0) }
            case .transpose: words.values().map { .transpose($0) }
            case .slice, .pad, .softmax, .reduce, .argMax: decodeShaped(opcode, &words)
            case .quantize, .dequantize, .integerGemm, .integerConvolution, .integerDepthwise, .integerBinary,
                .integerAveragePool, .integerMaxPool, .lookup:
                IntegerOperation.decode(opcode, &words).map { .integer($0) }
            default: .portable(opcode, words: words.rest())
            }
        return words.isAtEnd ? operation : nil
    }

    private static func decodeWindowed(_ opcode: Opcode, _ words: inout WordCursor) -> Operation? {
        guard let window = Window(&words) else { return nil }
        switch opcode {
        case .convolution:
            guard let groups = words.next(), groups >= 1 else { return nil }
            return .convolution(window, groups: Int(groups))
        case .depthwise: return .depthwise(window)
        case .maxPool: return .maxPool(window)
        default: return words.flag().map { .averagePool(window, countsPadding: $0) }
        }
    }

    private static func decodeShaped(_ opcode: Opcode, _ words: inout WordCursor) -> Operation? {
        switch opcode {
        case .slice:
            guard let starts = words.values(), let steps = words.values() else { return nil }
            return .slice(starts: starts, steps: steps)
        case .pad:
            guard let mode = words.next().flatMap({ PadMode(rawValue: $0) }), let before = words.values() else {
                return nil
            }
            return .pad(before: before, mode: mode)
        case .softmax:
            guard let axis = words.axis(), let logarithmic = words.flag() else { return nil }
            return .softmax(axis: axis, logarithmic: logarithmic)
        case .reduce:
            guard let function = words.next().flatMap({ ReduceFunction(rawValue: $0) }), let axes = words.values()
            else { return nil }
            return .reduce(function, axes: axes)
        default:
            guard let axis = words.axis(), let smallest = words.flag(), let last = words.flag() else { return nil }
            return .argMax(axis: axis, smallest: smallest, last: last)
        }
    }
}

extension Window {
    var words: [Int32] {
        [
            kernelHeight, kernelWidth, strideHeight, strideWidth, dilationHeight, dilationWidth,
            padTop, padLeft, padBottom, padRight,
        ].map { Int32(clamping: $0) }
    }

    /// Reads ten words; nil unless sizes, strides and dilations are 1... and pads 0...``ImageLimits/window``.
    init?(_ words: inout WordCursor) {
        var values = SIMD16<Int32>(repeating: 0)
        for index in 0..<10 {
            guard let word = words.next(), word >= (index < 6 ? 1 : 0), word <= Int32(ImageLimits.window) else {
                return nil
            }
            values[index] = word
        }
        self.init(
            kernel: (Int(values[0]), Int(values[1])), stride: (Int(values[2]), Int(values[3])),
            dilation: (Int(values[4]), Int(values[5])),
            pads: (Int(values[6]), Int(values[7]), Int(values[8]), Int(values[9])))
    }
}

extension AxisValues {
    /// The count, then the values.
    var words: [Int32] {
        [Int32(count)] + (0..<count).map { storage[$0] }
    }
}

/// Walks over one operation's attribute words.
struct WordCursor {
    private let bytes: ImageBytes
    private var offset: Int
    private let end: Int

    /// The words at `offset..<offset + 4·count`, which must lie inside `bytes`.
    init(_ bytes: ImageBytes, at offset: Int, count: Int) {
        self.bytes = bytes
        self.offset = offset
        self.end = offset + 4 * count
    }

    var isAtEnd: Bool { offset == end }

    mutating func next() -> Int32? {
        guard offset < end else { return nil }
        defer { offset += 4 }
        return Int32(bitPattern: bytes.word(offset))
    }

    /// All words that are left.
    mutating func rest() -> [Int32] {
        var rest: [Int32] = []
        while let word = next() { rest.append(word) }
        return rest
    }

    mutating func flag() -> Bool? {
        guard let word = next(), word == 0 || word == 1 else { return nil }
        return word == 1
    }

    mutating func axis() -> Int? {
        guard let word = next(), word >= 0, word < Int32(ImageLimits.rank) else { return nil }
        return Int(word)
    }

    mutating func values() -> AxisValues? {
        guard let count = next(), count >= 0, count <= Int32(ImageLimits.rank) else { return nil }
        var storage = SIMD8<Int32>(repeating: 0)
        for index in 0..<Int(count) {
            guard let word = next() else { return nil }
            storage[index] = word
        }
        return AxisValues(count: Int(count), storage: storage)
    }
}
