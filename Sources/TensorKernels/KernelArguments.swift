// What kernels are given. Every pointer is valid for what the arguments imply: the image's reader has checked the
// shapes, so kernels check nothing. Sizes count elements; matrices are row-major with an explicit row stride.

/// Bounds applied to results: ReLU is 0...∞, ReLU6 is 0...6.
public struct Clamp: Equatable, Sendable {
    /// Smaller results become this.
    public let low: Float
    /// Larger results become this.
    public let high: Float

    /// The bounds `low...high`.
    public init(low: Float, high: Float) {
        self.low = low
        self.high = high
    }

    /// No bounds.
    public static let none = Clamp(low: -.infinity, high: .infinity)
    /// `max(x, 0)`.
    public static let relu = Clamp(low: 0, high: .infinity)
}

/// `result[rows, columns] = clamp(left[rows, inner] · panels[inner, columns] + bias[columns] + addend[rows, columns])`.
public struct GemmArguments {
    public var left: UnsafePointer<Float>
    public var leftStride: Int
    /// The right matrix in panels of ``KernelLayout/panelWidth`` columns.
    public var panels: UnsafePointer<Float>
    /// nil adds nothing.
    public var bias: UnsafePointer<Float>?
    /// A matrix with the result's row stride that does not overlap it; nil adds nothing.
    public var addend: UnsafePointer<Float>?
    public var result: UnsafeMutablePointer<Float>
    public var resultStride: Int
    public var rows: Int
    public var inner: Int
    public var columns: Int
    public var clamp: Clamp

    public init(
        left: UnsafePointer<Float>, leftStride: Int, panels: UnsafePointer<Float>, bias: UnsafePointer<Float>?,
        addend: UnsafePointer<Float>? = nil, result: UnsafeMutablePointer<Float>, resultStride: Int, rows: Int,
        inner: Int, columns: Int, clamp: Clamp
    ) {
        self.addend = addend
        self.left = left
        self.leftStride = leftStride
        self.panels = panels
        self.bias = bias
        self.result = result
        self.resultStride = resultStride
        self.rows = rows
        self.inner = inner
        self.columns = columns
        self.clamp = clamp
    }
}

/// The sizes of a window sliding over a channels-last tensor.
public struct SlidingWindow: Sendable {
    public var batch = 1
    public var inputHeight = 1
    public var inputWidth = 1
    public var channels = 1
    public var outputHeight = 1
    public var outputWidth = 1
    public var kernelHeight = 1
    public var kernelWidth = 1
    public var strideHeight = 1
    public var strideWidth = 1
    public var dilationHeight = 1
    public var dilationWidth = 1
    public var padTop = 0
    public var padLeft = 0
    public var padBottom = 0
    public var padRight = 0

    /// A window of one pixel over one pixel.
    public init() {}

    /// The number of kernel positions.
    @inlinable
    public var taps: Int { kernelHeight * kernelWidth }

    /// The elements of one batch entry of the input.
    @inlinable
    public var inputPlane: Int { inputHeight * inputWidth * channels }

    /// True when each output pixel reads exactly the input pixel of the same place.
    @inlinable
    public var isPointwise: Bool {
        taps == 1 && strideHeight == 1 && strideWidth == 1 && padTop == 0 && padLeft == 0
            && outputHeight == inputHeight && outputWidth == inputWidth
    }

    /// True when the input has padding around it.
    @inlinable
    public var isPadded: Bool { padTop > 0 || padLeft > 0 || padBottom > 0 || padRight > 0 }

    /// Output rows that a convolution computes from one padded strip of the input.
    @inlinable
    public var stripRows: Int { min(outputHeight, max(1, KernelLayout.stripPixels / outputWidth)) }

    /// Elements of a padded strip.
    @inlinable
    public var stripElements: Int {
        ((stripRows - 1) * strideHeight + (kernelHeight - 1) * dilationHeight + 1)
            * (padLeft + inputWidth + padRight) * channels
    }
}

/// The kernel rows (or columns) of one output row (or column) that fall inside the input.
public struct TapRange {
    /// The first kernel position inside.
    public let first: Int
    /// One past the last; equal to `first` when none is inside.
    public let end: Int
    /// The input row of kernel position 0; may be negative.
    public let origin: Int

    /// The positions `j` in `0..<kernel` with `0 <= output·stride + j·dilation − pad < size`.
    @inlinable
    @inline(__always)
    public init(output: Int, stride: Int, dilation: Int, pad: Int, kernel: Int, size: Int) {
        let start = output * stride - pad
        origin = start
        // Most windows lie inside: they need no division.
        if start >= 0, start + (kernel - 1) * dilation < size {
            first = 0
            end = kernel
            return
        }
        let lower = start >= 0 ? 0 : (-start + dilation - 1) / dilation
        let upper = start >= size ? 0 : (size - start + dilation - 1) / dilation
        first = min(lower, kernel)
        end = max(first, min(upper, kernel))
    }
}

/// A grouped convolution over a channels-last tensor.
public struct ConvolutionArguments {
    public var window: SlidingWindow
    public var groups: Int
    public var filters: Int
    public var input: UnsafePointer<Float>
    /// One packed matrix `[taps·channels/groups, filters/groups]` per group.
    public var panels: UnsafePointer<Float>
    public var bias: UnsafePointer<Float>?
    /// A tensor of the result's shape that is added before the clamp and does not overlap it; nil adds nothing.
    public var addend: UnsafePointer<Float>?
    public var result: UnsafeMutablePointer<Float>
    /// Room for ``SlidingWindow/stripElements`` floats; unused by windows without padding.
    public var scratch: UnsafeMutablePointer<Float>
    public var clamp: Clamp
    /// The output rows to compute, of those of all batch entries; all of them at first. A pointwise convolution of one
    /// group computes all.
    public var rows: Range<Int>

    public init(
        window: SlidingWindow, groups: Int, filters: Int, input: UnsafePointer<Float>, panels: UnsafePointer<Float>,
        bias: UnsafePointer<Float>?, addend: UnsafePointer<Float>? = nil, result: UnsafeMutablePointer<Float>,
        scratch: UnsafeMutablePointer<Float>, clamp: Clamp
    ) {
        self.addend = addend
        rows = 0..<window.batch * window.outputHeight
        self.window = window
        self.groups = groups
        self.filters = filters
        self.input = input
        self.panels = panels
        self.bias = bias
        self.result = result
        self.scratch = scratch
        self.clamp = clamp
    }
}

extension ConvolutionArguments {
    /// A pointwise convolution of one group as the product of all pixels' channels with the weights.
    @inlinable
    public var pointwiseProduct: GemmArguments {
        GemmArguments(
            left: input, leftStride: window.channels, panels: panels, bias: bias, addend: addend, result: result,
            resultStride: filters, rows: window.batch * window.outputHeight * window.outputWidth,
            inner: window.channels, columns: filters, clamp: clamp)
    }
}

/// One filter per channel, over a channels-last tensor. The input is readable up to a whole vector past its end.
public struct DepthwiseArguments {
    public var window: SlidingWindow
    public var input: UnsafePointer<Float>
    /// The matrix `[taps, channels]` in panels.
    public var panels: UnsafePointer<Float>
    public var bias: UnsafePointer<Float>?
    public var result: UnsafeMutablePointer<Float>
    public var clamp: Clamp

    public init(
        window: SlidingWindow, input: UnsafePointer<Float>, panels: UnsafePointer<Float>, bias: UnsafePointer<Float>?,
        result: UnsafeMutablePointer<Float>, clamp: Clamp
    ) {
        self.window = window
        self.input = input
        self.panels = panels
        self.bias = bias
        self.result = result
        self.clamp = clamp
    }
}

/// What a pool computes over its window.
public enum PoolKind: Sendable {
    case maximum
    /// The sum divided by the elements inside the input.
    case average
    /// The sum divided by the elements inside the padded input.
    case averageWithPadding
}

/// A pool over a channels-last tensor. The input is readable up to a whole vector past its end.
public struct PoolArguments {
    public var window: SlidingWindow
    public var kind: PoolKind
    public var input: UnsafePointer<Float>
    public var result: UnsafeMutablePointer<Float>

    public init(
        window: SlidingWindow, kind: PoolKind, input: UnsafePointer<Float>, result: UnsafeMutablePointer<Float>
    ) {
        self.window = window
        self.kind = kind
        self.input = input
        self.result = result
    }
}
