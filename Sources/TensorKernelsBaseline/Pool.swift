import TensorKernels

/// Maximum and average over a window; vectors run over channels.
@inline(never)
func pool(_ arguments: PoolArguments) {
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
                switch arguments.kind {
                case .maximum: maximumPixel(window, plane, rows, columns, result)
                case .average:
                    let count = (rows.end - rows.first) * (columns.end - columns.first)
                    averagePixel(window, plane, rows, columns, divisor: count, result)
                case .averageWithPadding:
                    let count = paddedCount(window, row: rows.origin, column: columns.origin)
                    averagePixel(window, plane, rows, columns, divisor: count, result)
                }
                result += window.channels
            }
        }
    }
}

/// The window's positions inside the padded input: a last, partial window of `ceil_mode` has fewer.
@inline(__always)
func paddedCount(_ window: SlidingWindow, row: Int, column: Int) -> Int {
    let height = window.inputHeight + window.padBottom - row
    let width = window.inputWidth + window.padRight - column
    let rows = min(window.kernelHeight, (height + window.dilationHeight - 1) / window.dilationHeight)
    let columns = min(window.kernelWidth, (width + window.dilationWidth - 1) / window.dilationWidth)
    return rows * columns
}

@inline(__always)
private func averagePixel(
    _ window: SlidingWindow, _ plane: UnsafePointer<Float>, _ rows: TapRange, _ columns: TapRange, divisor: Int,
    _ result: UnsafeMutablePointer<Float>
) {
    let divisors = Lanes(repeating: Float(max(1, divisor)))
    var channel = 0
    while channel < window.channels {
        var sum = Lanes(repeating: 0)
        forEachTap(window, rows, columns) { offset in sum += load(plane + offset + channel) }
        store(sum / divisors, result + channel, prefix: window.channels - channel)
        channel += Block.lanes
    }
}

@inline(__always)
private func maximumPixel(
    _ window: SlidingWindow, _ plane: UnsafePointer<Float>, _ rows: TapRange, _ columns: TapRange,
    _ result: UnsafeMutablePointer<Float>
) {
    var channel = 0
    while channel < window.channels {
        var best = Lanes(repeating: -.infinity)
        forEachTap(window, rows, columns) { offset in best = maximum(best, load(plane + offset + channel)) }
        store(best, result + channel, prefix: window.channels - channel)
        channel += Block.lanes
    }
}

/// Calls `body` with the offset of each input pixel under the window.
@inline(__always)
private func forEachTap(_ window: SlidingWindow, _ rows: TapRange, _ columns: TapRange, _ body: (Int) -> Void) {
    for tapRow in rows.first..<rows.end {
        let y = rows.origin + tapRow * window.dilationHeight
        for tapColumn in columns.first..<columns.end {
            let x = columns.origin + tapColumn * window.dilationWidth
            body((y * window.inputWidth + x) * window.channels)
        }
    }
}
