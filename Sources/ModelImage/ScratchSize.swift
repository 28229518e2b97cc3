/// How much scratch a step needs: the same figure for the compiler that plans the arena, the reader that checks the
/// plan and the kernels that use it.
public enum ScratchSize {
    /// Output pixels that a convolution computes, about, from one padded strip of its input: enough that copying the
    /// strip costs little beside them, and few enough that it stays in the first-level cache.
    public static let stripPixels = 96
    /// Pixels (rows of a dense layer) that an integer kernel widens at a time at least: a multiple of every instruction
    /// set's row block.
    public static let patchRows = 12
    /// Bytes of widened input that an integer convolution aims to hold at a time: they stay in the first-level cache
    /// beside a panel of weights.
    public static let bandBytes = 24 << 10
}

extension Operation {
    /// Bytes of scratch that this operation needs.
    ///
    /// - Parameters:
    ///   - left: The shape of the first input, if there is one.
    ///   - right: The shape of the second input, if there is one: weights or right-hand matrix.
    ///   - output: The shape of the output; only integer operations look at it.
    /// - Returns: 0 when it needs none; nil when the size is beyond ``ImageLimits/arenaBytes`` or a shape has too few
    ///   dimensions.
    public func scratchBytes(left: Shape?, right: Shape?, output: Shape? = nil) -> Int? {
        let elements: Int64
        switch self {
        case .convolution(let window, _):
            guard window.isPadded else { return 0 }
            guard let left, left.rank == 4, let count = window.stripElements(of: left) else { return nil }
            elements = count
        case .matMul(let transposedRight):
            guard let right, right.rank >= 2 else { return nil }
            let last = right[right.rank - 1]
            let first = right[right.rank - 2]
            guard let matrix = Shape(transposedRight ? [last, first] : [first, last]),
                let count = PanelLayout.elementCount(of: matrix)
            else { return nil }
            elements = Int64(count)
        case .integer(let operation):
            guard let left, let output else { return nil }
            return operation.scratchBytes(input: left, output: output)
        default:
            return 0
        }
        guard elements <= Int64(ImageLimits.arenaBytes / ElementType.float32.size) else { return nil }
        return Int(elements) * ElementType.float32.size
    }
}

extension Window {
    /// True when the input has padding around it.
    var isPadded: Bool { padTop > 0 || padLeft > 0 || padBottom > 0 || padRight > 0 }

    /// Elements of a strip of the padded image `[batch, height, width, channels]` from which about
    /// ``ScratchSize/stripPixels`` output pixels follow; nil when the window is larger than the padded image.
    fileprivate func stripElements(of image: Shape) -> Int64? {
        let height = (kernelHeight - 1) * dilationHeight + 1
        let width = image[2] + padLeft + padRight
        let rows = image[1] + padTop + padBottom - height
        let columns = width - (kernelWidth - 1) * dilationWidth - 1
        guard rows >= 0, columns >= 0 else { return nil }
        let stripRows = min(rows / strideHeight + 1, max(1, ScratchSize.stripPixels / (columns / strideWidth + 1)))
        let (elements, overflows) = Int64((stripRows - 1) * strideHeight + height)
            .multipliedReportingOverflow(by: Int64(width) * Int64(image[3]))
        return overflows ? nil : elements
    }
}

extension IntegerOperation {
    /// Output rows (pixels, where each reads the input pixel of its place alone) whose inputs are widened at a time:
    /// as many as fit ``ScratchSize/bandBytes``, at least 1 (12 pixels). 0 for operations that widen nothing.
    public func bandRows(input: Shape, output: Shape) -> Int {
        switch self {
        case .gemm:
            guard input.rank >= 1 else { return 0 }
            let inner = input[input.rank - 1]
            return Self.bandPixels(channels: inner, of: input.elementCount / inner)
        case .convolution(let window, _, _, _):
            guard input.rank == 4, output.rank == 4 else { return 0 }
            if window.isPointwise { return Self.bandPixels(channels: input[3], of: output.product(0..<3)) }
            return Self.bandRows(window, Self.rowBytes(window, 2 * input[3], output), output)
        case .depthwise(let window, _, _):
            guard input.rank == 4, output.rank == 4 else { return 0 }
            return Self.bandRows(window, Self.rowBytes(window, 4 * input[3], output), output)
        default: return 0
        }
    }

    /// Bytes of scratch: the widened band, and a vector past its end.
    func scratchBytes(input: Shape, output: Shape) -> Int? {
        let rows = Int64(bandRows(input: input, output: output))
        let bytes: Int64
        switch self {
        case .gemm:
            guard input.rank >= 1 else { return nil }
            bytes = rows * 2 * Int64(input[input.rank - 1])
        case .convolution(let window, _, _, _):
            guard input.rank == 4, output.rank == 4 else { return nil }
            bytes =
                window.isPointwise
                ? rows * 2 * Int64(input[3])
                : Self.inputRows(window, rows) * Self.rowBytes(window, 2 * input[3], output)
        case .depthwise(let window, _, _):
            guard input.rank == 4, output.rank == 4 else { return nil }
            bytes = Self.inputRows(window, rows) * Self.rowBytes(window, 4 * input[3], output)
        default: return 0
        }
        return bytes + 64 <= Int64(ImageLimits.arenaBytes) ? Int(bytes) + 64 : nil
    }

    private static func bandPixels(channels: Int, of pixels: Int) -> Int {
        let fitting = ScratchSize.bandBytes / (2 * channels) / 24 * 24
        return min(pixels, max(ScratchSize.patchRows, fitting))
    }

    private static func bandRows(_ window: Window, _ rowBytes: Int64, _ output: Shape) -> Int {
        let reach = Int64((window.kernelHeight - 1) * window.dilationHeight + 1)
        let fitting = (Int64(ScratchSize.bandBytes) / rowBytes - reach) / Int64(window.strideHeight) + 1
        return Int(max(1, min(Int64(output[1]), fitting)))
    }

    private static func inputRows(_ window: Window, _ outputRows: Int64) -> Int64 {
        (outputRows - 1) * Int64(window.strideHeight) + Int64((window.kernelHeight - 1) * window.dilationHeight + 1)
    }

    private static func rowBytes(_ window: Window, _ pixelBytes: Int, _ output: Shape) -> Int64 {
        let width = (output[2] - 1) * window.strideWidth + (window.kernelWidth - 1) * window.dilationWidth + 1
        return Int64(width) * Int64(pixelBytes)
    }
}
