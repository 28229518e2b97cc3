import TensorKernels

/// One filter per channel: vectors run over channels, so no lane ever needs another's input.
@inline(never)
func depthwise(_ arguments: DepthwiseArguments) {
    let window = arguments.window
    var result = arguments.result
    for batch in 0..<window.batch {
        let plane = arguments.input + batch * window.inputPlane
        for row in 0..<window.outputHeight {
            let rows = TapRange(
                output: row, stride: window.strideHeight, dilation: window.dilationHeight, pad: window.padTop,
                kernel: window.kernelHeight, size: window.inputHeight)
            for column in 0..<window.outputWidth {
                let columns = TapRange(
                    output: column, stride: window.strideWidth, dilation: window.dilationWidth, pad: window.padLeft,
                    kernel: window.kernelWidth, size: window.inputWidth)
                depthwisePixel(arguments, plane, rows, columns, result)
                result += window.channels
            }
        }
    }
}

/// All channels of one output pixel, four vectors at a time.
@inline(__always)
private func depthwisePixel(
    _ arguments: DepthwiseArguments, _ plane: UnsafePointer<Float>, _ rows: TapRange, _ columns: TapRange,
    _ result: UnsafeMutablePointer<Float>
) {
    let channels = arguments.window.channels
    var channel = 0
    while channel + 4 * Block.lanes <= channels {
        DepthwiseKernel<4>.run(arguments, plane, rows, columns, channel, result)
        channel += 4 * Block.lanes
    }
    while channel < channels {
        DepthwiseKernel<1>.run(arguments, plane, rows, columns, channel, result)
        channel += Block.lanes
    }
}

private enum DepthwiseKernel<let vectors: Int> {
    @inline(__always)
    static func run(
        _ arguments: DepthwiseArguments, _ plane: UnsafePointer<Float>, _ rows: TapRange, _ columns: TapRange,
        _ channel: Int, _ result: UnsafeMutablePointer<Float>
    ) {
        let window = arguments.window
        let width = KernelLayout.panelWidth
        var sums = InlineArray<vectors, Lanes>(repeating: Lanes(repeating: 0))
        var weights = InlineArray<vectors, UnsafePointer<Float>>(repeating: arguments.panels)
        for vector in 0..<vectors {
            let start = channel + vector * Block.lanes
            if let bias = arguments.bias { sums[vector] = load(bias + start) }
            weights[vector] = arguments.panels + start / width * width * window.taps + start % width
        }
        for tapRow in rows.first..<rows.end {
            let y = rows.origin + tapRow * window.dilationHeight
            let line = plane + y * window.inputWidth * window.channels + channel
            for tapColumn in columns.first..<columns.end {
                let x = columns.origin + tapColumn * window.dilationWidth
                let pixel = line + x * window.channels
                let tap = (tapRow * window.kernelWidth + tapColumn) * width
                for vector in 0..<vectors {
                    sums[vector] = multiplyAdd(
                        sums[vector], load(pixel + vector * Block.lanes), load(weights[vector] + tap))
                }
            }
        }
        for vector in 0..<vectors {
            let start = channel + vector * Block.lanes
            store(arguments.clamp.apply(sums[vector]), result + start, prefix: window.channels - start)
        }
    }
}
