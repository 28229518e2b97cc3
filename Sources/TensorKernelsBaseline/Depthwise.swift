import TensorKernels

/// One filter per channel: vectors run over channels, so no lane ever needs another's input. Where whole windows lie
/// inside the input, several output pixels of a row share each loaded weight.
@inline(never)
func depthwise(_ arguments: DepthwiseArguments) {
    let window = arguments.window
    if Depthwise3.fits(window) { return Depthwise3.run(arguments) }
    let inside = window.insideColumns
    var result = arguments.result
    for batch in 0..<window.batch {
        let plane = arguments.input + batch * window.inputPlane
        for row in 0..<window.outputHeight {
            let rows = TapRange(
                output: row, stride: window.strideHeight, dilation: window.dilationHeight, pad: window.padTop,
                kernel: window.kernelHeight, size: window.inputHeight)
            var column = 0
            while column < window.outputWidth {
                if column + 8 <= inside.upperBound, column >= inside.lowerBound {
                    depthwiseRun(arguments, plane, rows, column, result)
                    column += 8
                    result += 8 * window.channels
                } else {
                    depthwisePixel(arguments, plane, rows, column, result)
                    column += 1
                    result += window.channels
                }
            }
        }
    }
}

extension SlidingWindow {
    /// The output columns whose taps all lie inside the input.
    fileprivate var insideColumns: Range<Int> {
        let first = (padLeft + strideWidth - 1) / strideWidth
        let room = inputWidth + padLeft - (kernelWidth - 1) * dilationWidth - 1
        let end = room < 0 ? 0 : min(outputWidth, room / strideWidth + 1)
        return first..<max(first, end)
    }

    /// All kernel columns of output column `column`, which lies inside.
    fileprivate func columns(_ column: Int) -> TapRange {
        TapRange(
            output: column, stride: strideWidth, dilation: dilationWidth, pad: padLeft, kernel: kernelWidth,
            size: inputWidth)
    }
}

/// All channels of eight output pixels that lie inside, a vector at a time.
@inline(never)
private func depthwiseRun(
    _ arguments: DepthwiseArguments, _ plane: UnsafePointer<Float>, _ rows: TapRange, _ column: Int,
    _ result: UnsafeMutablePointer<Float>
) {
    let columns = arguments.window.columns(column)
    var channel = 0
    while channel < arguments.window.channels {
        DepthwiseKernel<8, 1>.run(arguments, plane, rows, columns, channel, result)
        channel += Block.lanes
    }
}

/// All channels of one output pixel, four vectors at a time.
@inline(never)
private func depthwisePixel(
    _ arguments: DepthwiseArguments, _ plane: UnsafePointer<Float>, _ rows: TapRange, _ column: Int,
    _ result: UnsafeMutablePointer<Float>
) {
    let columns = arguments.window.columns(column)
    let channels = arguments.window.channels
    var channel = 0
    while channel + 4 * Block.lanes <= channels {
        DepthwiseKernel<1, 4>.run(arguments, plane, rows, columns, channel, result)
        channel += 4 * Block.lanes
    }
    while channel < channels {
        DepthwiseKernel<1, 1>.run(arguments, plane, rows, columns, channel, result)
        channel += Block.lanes
    }
}

/// `pixels` neighbouring output pixels of `vectors` vectors of channels; one of the two is 1.
private enum DepthwiseKernel<let pixels: Int, let vectors: Int> {
    @inline(__always)
    static func run(
        _ arguments: DepthwiseArguments, _ plane: UnsafePointer<Float>, _ rows: TapRange, _ columns: TapRange,
        _ channel: Int, _ result: UnsafeMutablePointer<Float>
    ) {
        let window = arguments.window
        let width = KernelLayout.panelWidth
        let step = window.strideWidth * window.channels
        var sums = InlineArray<8, Lanes>(repeating: Lanes(repeating: 0))
        var weights = InlineArray<vectors, UnsafePointer<Float>>(repeating: arguments.panels)
        for vector in 0..<vectors {
            let start = channel + vector * Block.lanes
            if let bias = arguments.bias {
                for pixel in 0..<pixels { sums[pixel * vectors + vector] = load(bias + start) }
            }
            weights[vector] = arguments.panels + start / width * width * window.taps + start % width
        }
        for tapRow in rows.first..<rows.end {
            let y = rows.origin + tapRow * window.dilationHeight
            let line = plane + y * window.inputWidth * window.channels + channel
            for tapColumn in columns.first..<columns.end {
                let x = columns.origin + tapColumn * window.dilationWidth
                let source = line + x * window.channels
                let tap = (tapRow * window.kernelWidth + tapColumn) * width
                for vector in 0..<vectors {
                    let weight = load(weights[vector] + tap)
                    for pixel in 0..<pixels {
                        let value = load(source + pixel * step + vector * Block.lanes)
                        let slot = pixel * vectors + vector
                        sums[slot] = multiplyAdd(sums[slot], value, weight)
                    }
                }
            }
        }
        let bounds = LaneClamp(arguments.clamp)
        for vector in 0..<vectors {
            let start = channel + vector * Block.lanes
            for pixel in 0..<pixels {
                let target = result + pixel * window.channels + start
                store(bounded(sums[pixel * vectors + vector], bounds), target, prefix: window.channels - start)
            }
        }
    }
}
