// What integer kernels are given. A tensor of bytes holds int8 or uint8; `real = scale · (stored − zeroPoint)`.

/// How sums of an integer kernel become bytes: `clamp(round(sum · multiplier)) + zeroPoint`, halves to even.
public struct Requantization: Equatable, Sendable {
    /// The stored byte that means 0, −128...255.
    public var zeroPoint: Int32
    /// The smallest and the largest stored byte; an activation narrows them.
    public var low: Int32
    public var high: Int32

    public init(zeroPoint: Int32, low: Int32, high: Int32) {
        self.zeroPoint = zeroPoint
        self.low = low
        self.high = high
    }
}

/// Bytes that a kernel reads.
public struct ByteInput {
    public var bytes: UnsafeRawPointer
    /// int8, else uint8.
    public var isSigned: Bool
    /// The stored byte that means 0.
    public var zeroPoint: Int32

    public init(bytes: UnsafeRawPointer, isSigned: Bool, zeroPoint: Int32) {
        self.bytes = bytes
        self.isSigned = isSigned
        self.zeroPoint = zeroPoint
    }
}

/// A convolution over channels-last bytes; a dense layer is a pointwise one over an image of one row. For a depthwise
/// one (one filter per channel) `groups` and `filters` are the channels.
public struct IntegerConvolutionArguments {
    public var window: SlidingWindow
    public var groups: Int
    public var filters: Int
    public var input: ByteInput
    /// int8 weights in pairs of rows: `ModelImage.PairLayout`.
    public var panels: UnsafePointer<Int8>
    /// One number per filter, with the correction for the input's zero point.
    public var bias: UnsafePointer<Int32>
    /// One factor per filter.
    public var multipliers: UnsafePointer<Float>
    public var result: UnsafeMutableRawPointer
    /// Room for the widened input of ``bandRows`` rows, and a vector more.
    public var scratch: UnsafeMutablePointer<Int16>
    /// Output rows (of a pointwise window: pixels) whose input is widened at a time.
    public var bandRows: Int
    public var requantization: Requantization

    public init(
        window: SlidingWindow, groups: Int, filters: Int, input: ByteInput, panels: UnsafePointer<Int8>,
        bias: UnsafePointer<Int32>, multipliers: UnsafePointer<Float>, result: UnsafeMutableRawPointer,
        scratch: UnsafeMutablePointer<Int16>, bandRows: Int, requantization: Requantization
    ) {
        self.window = window
        self.groups = groups
        self.filters = filters
        self.input = input
        self.panels = panels
        self.bias = bias
        self.multipliers = multipliers
        self.result = result
        self.scratch = scratch
        self.bandRows = bandRows
        self.requantization = requantization
    }

    /// True when the taps of one kernel row lie side by side in the widened input: they are then one run of weights.
    @inlinable
    public var mergesTaps: Bool { groups == 1 && (window.dilationWidth == 1 || window.kernelWidth == 1) }
}

/// What an integer kernel computes of two elements.
public enum IntegerPairFunction: Int32, Sendable, CaseIterable {
    case add = 1
    case subtract = 2
    case multiply = 3
}

/// `result = function(first, second)` on bytes; `loops` walks both inputs, results are written in order.
///
/// Computed as ONNX has it, each step rounded to a float: `((a − za)·firstScale function (b − zb)·secondScale) / scale`.
public struct IntegerBinaryArguments {
    public var function: IntegerPairFunction
    public var loops: LoopNest
    public var first: ByteInput
    public var second: ByteInput
    public var firstScale: Float
    public var secondScale: Float
    public var resultScale: Float
    public var result: UnsafeMutableRawPointer
    public var requantization: Requantization

    public init(
        function: IntegerPairFunction, loops: LoopNest, first: ByteInput, second: ByteInput, firstScale: Float,
        secondScale: Float, resultScale: Float, result: UnsafeMutableRawPointer, requantization: Requantization
    ) {
        self.function = function
        self.loops = loops
        self.first = first
        self.second = second
        self.firstScale = firstScale
        self.secondScale = secondScale
        self.resultScale = resultScale
        self.result = result
        self.requantization = requantization
    }
}

/// A pool over channels-last bytes. The maximum needs no requantization; an average is computed as ONNX has it, each
/// step rounded to a float: `(Σ (x − zeroPoint)·scale / count) / resultScale`, in the order of the kernel's taps.
public struct IntegerPoolArguments {
    public var window: SlidingWindow
    public var kind: PoolKind
    public var input: ByteInput
    public var result: UnsafeMutableRawPointer
    /// The input's and the result's scale, for averages.
    public var scale: Float
    public var resultScale: Float
    public var requantization: Requantization

    public init(
        window: SlidingWindow, kind: PoolKind, input: ByteInput, result: UnsafeMutableRawPointer, scale: Float,
        resultScale: Float, requantization: Requantization
    ) {
        self.window = window
        self.kind = kind
        self.input = input
        self.result = result
        self.scale = scale
        self.resultScale = resultScale
        self.requantization = requantization
    }
}

/// Between floats and bytes, over `[outer, channels, inner]`; one channel when scale and zero point are single.
public struct QuantizeArguments {
    public var floats: UnsafeMutablePointer<Float>
    public var bytes: UnsafeMutableRawPointer
    public var isSigned: Bool
    public var scales: UnsafePointer<Float>
    public var zeroPoints: UnsafePointer<Int32>
    public var outer: Int
    public var channels: Int
    public var inner: Int

    public init(
        floats: UnsafeMutablePointer<Float>, bytes: UnsafeMutableRawPointer, isSigned: Bool,
        scales: UnsafePointer<Float>, zeroPoints: UnsafePointer<Int32>, outer: Int, channels: Int, inner: Int
    ) {
        self.floats = floats
        self.bytes = bytes
        self.isSigned = isSigned
        self.scales = scales
        self.zeroPoints = zeroPoints
        self.outer = outer
        self.channels = channels
        self.inner = inner
    }
}

/// The kernels on bytes, for one instruction set.
public struct IntegerKernels: Sendable {
    public let convolution: @Sendable (IntegerConvolutionArguments) -> Void
    public let depthwise: @Sendable (IntegerConvolutionArguments) -> Void
    public let binary: @Sendable (IntegerBinaryArguments) -> Void
    public let pool: @Sendable (IntegerPoolArguments) -> Void
    /// Floats to bytes: `saturate(round(x / scale) + zeroPoint)`, halves to even.
    public let quantize: @Sendable (QuantizeArguments) -> Void
    /// Bytes to floats: `(x − zeroPoint) · scale`.
    public let dequantize: @Sendable (QuantizeArguments) -> Void

    public init(
        convolution: @escaping @Sendable (IntegerConvolutionArguments) -> Void,
        depthwise: @escaping @Sendable (IntegerConvolutionArguments) -> Void,
        binary: @escaping @Sendable (IntegerBinaryArguments) -> Void,
        pool: @escaping @Sendable (IntegerPoolArguments) -> Void,
        quantize: @escaping @Sendable (QuantizeArguments) -> Void,
        dequantize: @escaping @Sendable (QuantizeArguments) -> Void
    ) {
        self.convolution = convolution
        self.depthwise = depthwise
        self.binary = binary
        self.pool = pool
        self.quantize = quantize
        self.dequantize = dequantize
    }
}
