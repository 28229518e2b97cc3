import TensorKernels

/// Depthwise windows of 3 × 3 without dilation, padded by one at most: what nearly all networks use. The nine weights
/// of a vector of channels stay in registers while a few rows of pixels pass.
enum Depthwise3 {
    /// True when the window is one of these.
    @inline(__always)
    static func fits(_ window: SlidingWindow) -> Bool {
        window.kernelHeight == 3 && window.kernelWidth == 3 && window.dilationHeight == 1 && window.dilationWidth == 1
            && window.padTop <= 1 && window.padLeft <= 1
            && (window.outputHeight - 1) * window.strideHeight - window.padTop + 2 <= window.inputHeight
            && (window.outputWidth - 1) * window.strideWidth - window.padLeft + 2 <= window.inputWidth
    }

    /// All channels of all pixels.
    @inline(__always)
    static func run(_ arguments: DepthwiseArguments) {
        let window = arguments.window
        let block = max(1, blockPixels / window.outputWidth)
        for batch in 0..<window.batch {
            var row = 0
            while row < window.outputHeight {
                let kernelRows = window.kernelRows(row)
                var end = row + 1
                while end < min(row + block, window.outputHeight), window.kernelRows(end) == kernelRows { end += 1 }
                let lines = PixelLines(arguments, batch: batch, rows: row..<end, kernelRows: kernelRows)
                switch (kernelRows.lowerBound, kernelRows.upperBound) {
                case (0, 3): linesAll(lines)
                case (1, 3): linesBelow(lines)
                case (0, 2): linesAbove(lines)
                default: linesMiddle(lines)
                }
                row = end
            }
        }
    }

    /// Pixels for which one load of the weights serves.
    private static let blockPixels = 48
}

extension SlidingWindow {
    /// The kernel rows of an output row that lie inside the input.
    @inline(__always)
    fileprivate func kernelRows(_ row: Int) -> Range<Int> {
        let start = row * strideHeight - padTop
        return max(0, -start)..<min(3, inputHeight - start)
    }
}

/// Output rows that share their kernel rows.
private struct PixelLines {
    let window: SlidingWindow
    let panels: UnsafePointer<Float>
    let bias: UnsafePointer<Float>?
    let clamp: Clamp
    let rows: Int
    /// Input row of the first kernel row inside, at column −padLeft.
    let input: UnsafePointer<Float>
    let result: UnsafeMutablePointer<Float>

    @inline(__always)
    init(_ arguments: DepthwiseArguments, batch: Int, rows: Range<Int>, kernelRows: Range<Int>) {
        window = arguments.window
        panels = arguments.panels
        bias = arguments.bias
        clamp = arguments.clamp
        self.rows = rows.count
        let y = rows.lowerBound * window.strideHeight - window.padTop + kernelRows.lowerBound
        input = arguments.input + batch * window.inputPlane + (y * window.inputWidth - window.padLeft) * window.channels
        result =
            arguments.result
            + (batch * window.outputHeight + rows.lowerBound) * window.outputWidth * window.channels
    }
}

@inline(never) private func linesAll(_ lines: PixelLines) { LineKernel<0, 3>.run(lines) }
@inline(never) private func linesBelow(_ lines: PixelLines) { LineKernel<1, 3>.run(lines) }
@inline(never) private func linesAbove(_ lines: PixelLines) { LineKernel<0, 2>.run(lines) }
@inline(never) private func linesMiddle(_ lines: PixelLines) { LineKernel<1, 2>.run(lines) }

/// Kernel rows `first..<end` over whole lines of pixels.
private enum LineKernel<let first: Int, let end: Int> {
    @inline(__always)
    static func run(_ lines: PixelLines) {
        var channel = 0
        while channel < lines.window.channels {
            run(lines, channel)
            channel += Block.lanes
        }
    }

    @inline(__always)
    private static func run(_ lines: PixelLines, _ channel: Int) {
        let window = lines.window
        let channels = window.channels
        let kernel = Weights(lines, channel)
        let count = channels - channel
        let step = window.strideWidth * channels
        let insideEnd = min(window.outputWidth, (window.inputWidth + window.padLeft - 3) / window.strideWidth + 1)
        for row in 0..<lines.rows {
            var source = lines.input + row * window.strideHeight * window.inputWidth * channels + channel
            var target = lines.result + row * window.outputWidth * channels + channel
            for column in 0..<window.outputWidth {
                let start = column * window.strideWidth - window.padLeft
                let sums: Lanes
                if start >= 0, column < insideEnd {
                    sums = kernel.sum(source, window, 0, 3)
                } else if start >= 0 {
                    sums = kernel.sum(source, window, 0, 2)
                } else {
                    sums = kernel.sum(source, window, 1, min(3, window.inputWidth + 1))
                }
                store(sums, target, prefix: count)
                source += step
                target += channels
            }
        }
    }

    /// The weights of one vector of channels.
    struct Weights {
        var taps = InlineArray<9, Lanes>(repeating: Lanes(repeating: 0))
        let bias: Lanes
        let bounds: LaneClamp
        let rowStride: Int
        let channels: Int

        @inline(__always)
        init(_ lines: PixelLines, _ channel: Int) {
            let width = KernelLayout.panelWidth
            let panel = lines.panels + channel / width * width * 9 + channel % width
            for tap in first * 3..<end * 3 { taps[tap] = load(panel + tap * width) }
            bias = lines.bias.map { load($0 + channel) } ?? Lanes(repeating: 0)
            bounds = LaneClamp(lines.clamp)
            channels = lines.window.channels
            rowStride = lines.window.inputWidth * channels
        }

        /// One pixel over kernel columns `left..<right`.
        @inline(__always)
        func sum(_ source: UnsafePointer<Float>, _ window: SlidingWindow, _ left: Int, _ right: Int) -> Lanes {
            var sums = bias
            for row in first..<end {
                let line = source + (row - first) * rowStride
                for column in left..<right {
                    sums = multiplyAdd(sums, load(line + column * channels), taps[row * 3 + column])
                }
            }
            return bounded(sums, bounds)
        }
    }
}
