/// How the sums of an integer operation become stored bytes: `real = scale · (stored − zeroPoint)`.
public struct ByteRange: Equatable, Sendable {
    /// The stored number that means 0, −128...255.
    public var zeroPoint: Int
    /// Smaller and larger results become these: the type's range, narrowed by a fused activation.
    public var low: Int
    public var high: Int

    /// The range `low...high` around `zeroPoint`.
    public init(zeroPoint: Int, low: Int, high: Int) {
        self.zeroPoint = zeroPoint
        self.low = low
        self.high = high
    }

    /// True when zero point and bounds are numbers of the element type, in order.
    func fits(_ type: ElementType) -> Bool {
        let range = type == .int8 ? -128...127 : 0...255
        return range.contains(zeroPoint) && range.contains(low) && range.contains(high) && low <= high
    }
}

/// Arithmetic of two quantized operands, each step rounded to a float as ONNX has it:
/// `((a − firstZeroPoint)·firstScale function (b − secondZeroPoint)·secondScale) / resultScale`.
public struct ByteArithmetic: Equatable, Sendable {
    /// Add, subtract or multiply.
    public var function: BinaryFunction
    public var firstZeroPoint: Int
    public var secondZeroPoint: Int
    public var firstScale: Float
    public var secondScale: Float
    public var resultScale: Float

    /// Arithmetic with these scales and zero points.
    public init(
        function: BinaryFunction, firstZeroPoint: Int, secondZeroPoint: Int, firstScale: Float, secondScale: Float,
        resultScale: Float
    ) {
        self.function = function
        self.firstZeroPoint = firstZeroPoint
        self.secondZeroPoint = secondZeroPoint
        self.firstScale = firstScale
        self.secondScale = secondScale
        self.resultScale = resultScale
    }
}

/// An average of quantized elements, each step rounded to a float as ONNX has it:
/// `(Σ (x − zeroPoint)·scale / count) / resultScale`.
public struct ByteAverage: Equatable, Sendable {
    /// True when the count includes padding.
    public var countsPadding: Bool
    public var zeroPoint: Int
    public var scale: Float
    public var resultScale: Float

    /// An average with these scales and this zero point of the input.
    public init(countsPadding: Bool, zeroPoint: Int, scale: Float, resultScale: Float) {
        self.countsPadding = countsPadding
        self.zeroPoint = zeroPoint
        self.scale = scale
        self.resultScale = resultScale
    }
}

/// An operation on bytes (int8 or uint8), channels-last where it has a window. Sums are exact in 32 bits; they become
/// bytes by `clamp(round(sum · factor), low, high)` with halves rounded to even, as ONNX has it.
public enum IntegerOperation: Equatable, Sendable {
    /// `x float32, scales[1 or C], zeroPoints int32[same] → y bytes`: along `axis` when there are C of them.
    case quantize(axis: Int)
    /// `x bytes, scales[1 or C], zeroPoints int32[same] → y float32`.
    case dequantize(axis: Int)
    /// `x[…, K], weights[1, K, N] int8 pairs, bias int32[N], factors[N] → y[…, N]`. The bias holds the correction for
    /// x's zero point.
    case gemm(ByteRange)
    /// `x[B, H, W, C], weights[groups, K, M/groups] int8 pairs, bias int32[M], factors[M] → y[B, OH, OW, M]`.
    /// `inputZeroPoint` is what padding holds. K: see ``IntegerOperation/weightRows(_:groups:channels:)``.
    case convolution(Window, groups: Int, inputZeroPoint: Int, ByteRange)
    /// `x[B, H, W, C], weights[1, K, C] int8 pairs, bias int32[C], factors[C] → y[B, OH, OW, C]`.
    case depthwise(Window, inputZeroPoint: Int, ByteRange)
    /// `a, b → y` broadcast: add, subtract or multiply, in floats.
    case binary(ByteArithmetic, ByteRange)
    /// `x[B, H, W, C] → y[B, OH, OW, C]`: the elements inside as floats, in the order of the kernel's taps.
    case averagePool(Window, ByteAverage, ByteRange)
    /// `x[B, H, W, C] → y[B, OH, OW, C]` of the same type, scale and zero point.
    case maxPool(Window)
    /// `x bytes, table[256] → y bytes` of the table's type: entry `x` for uint8, `x + 128` for int8. May be in place.
    case lookup

    /// Rows of a convolution's packed weights: one kernel row's `kernelWidth · channels` (rounded up to whole pairs)
    /// where its taps lie side by side, else each tap's channels.
    public static func weightRows(_ window: Window, groups: Int, channels: Int) -> Int {
        if groups == 1, window.dilationWidth == 1 || window.kernelWidth == 1 {
            return window.kernelHeight * PairLayout.even(window.kernelWidth * channels)
        }
        return window.taps * PairLayout.even(channels / groups)
    }

    /// Rows of a depthwise convolution's packed weights: each kernel row rounded up to whole pairs.
    public static func depthwiseRows(_ window: Window) -> Int {
        window.kernelHeight * PairLayout.even(window.kernelWidth)
    }

    /// The operation's number: 64–79 are integer operations.
    var opcode: Opcode {
        switch self {
        case .quantize: .quantize
        case .dequantize: .dequantize
        case .gemm: .integerGemm
        case .convolution: .integerConvolution
        case .depthwise: .integerDepthwise
        case .binary: .integerBinary
        case .averagePool: .integerAveragePool
        case .maxPool: .integerMaxPool
        case .lookup: .lookup
        }
    }
}

/// The layout of int8 weights that every instruction set reads: panels of ``PanelLayout/width`` columns whose rows lie
/// in pairs, so that one load gives each column's two neighbouring weights.
///
/// Element `(k, n)` is at `((n / 16)·rows/2 + k / 2)·32 + n % 16 · 2 + k % 2`; the number of rows is even.
public enum PairLayout {
    /// `count` rounded up to a multiple of 2.
    public static func even(_ count: Int) -> Int { count + count % 2 }

    /// The elements that a packed matrix takes, with the zeros of its last panel.
    public static func elementCount(rows: Int, columns: Int) -> Int {
        PanelLayout.elementCount(rows: even(rows), columns: columns)
    }

    /// The elements of a packed tensor `[matrices, rows, columns]`; nil for other ranks, odd rows, or when they exceed
    /// ``ImageLimits/elements``.
    public static func elementCount(of shape: Shape) -> Int? {
        guard shape.rank == 3, shape[1] % 2 == 0 else { return nil }
        return PanelLayout.elementCount(of: shape)
    }

    /// Packs the matrix of `rows` (even) × `columns` whose element (row, column) `element` gives.
    public static func pack(rows: Int, columns: Int, element: (Int, Int) -> Int8) -> [Int8] {
        var packed = [Int8](repeating: 0, count: elementCount(rows: rows, columns: columns))
        let width = PanelLayout.width
        for column in 0..<columns {
            let base = column / width * rows * width + column % width * 2
            for row in 0..<rows { packed[base + row / 2 * 2 * width + row % 2] = element(row, column) }
        }
        return packed
    }
}
