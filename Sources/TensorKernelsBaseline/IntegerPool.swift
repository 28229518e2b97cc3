import CVectorSupport
import TensorKernels

/// Maximum and average of bytes over a window; vectors run over channels.
@inline(never)
func integerPool(_ arguments: IntegerPoolArguments) {
    let window = arguments.window
    let requantization = LaneRequantization(arguments.requantization)
    var result = arguments.result
    for batch in 0..<window.batch {
        let plane = arguments.input.bytes + batch * window.inputPlane
        for row in 0..<window.outputHeight {
            let rows = TapRange(
                output: row, stride: window.strideHeight, dilation: window.dilationHeight, pad: window.padTop,
                kernel: window.kernelHeight, size: window.inputHeight)
            for column in 0..<window.outputWidth {
                let columns = TapRange(
                    output: column, stride: window.strideWidth, dilation: window.dilationWidth, pad: window.padLeft,
                    kernel: window.kernelWidth, size: window.inputWidth)
                let pixel = PooledPixel(arguments: arguments, plane: plane, rows: rows, columns: columns)
                if arguments.kind == .maximum {
                    pixel.maximum(to: result)
                } else {
                    pixel.average(requantization, to: result)
                }
                result += window.channels
            }
        }
    }
}

/// One output pixel.
private struct PooledPixel {
    let arguments: IntegerPoolArguments
    let plane: UnsafeRawPointer
    let rows: TapRange
    let columns: TapRange

    @inline(__always)
    func maximum(to result: UnsafeMutableRawPointer) {
        let channels = arguments.window.channels
        let signed = arguments.input.isSigned
        var channel = 0
        while channel < channels {
            var best = Sums(repeating: signed ? -128 : 0)
            forEachTap { offset in
                let value = loadBytes(plane + offset + channel, isSigned: signed)
                best = best.replacing(with: value, where: value .> best)
            }
            storeBytes(best, result + channel, prefix: channels - channel)
            channel += IntegerBlock.lanes
        }
    }

    @inline(__always)
    func average(_ requantization: LaneRequantization, to result: UnsafeMutableRawPointer) {
        let channels = arguments.window.channels
        let signed = arguments.input.isSigned
        let inside = (rows.end - rows.first) * (columns.end - columns.first)
        let divisor =
            arguments.kind == .average
            ? inside : paddedCount(arguments.window, row: rows.origin, column: columns.origin)
        let count = SumFloats(repeating: Float(max(1, divisor)))
        let zeroPoint = Sums(repeating: arguments.input.zeroPoint)
        let scale = SumFloats(repeating: arguments.scale)
        let resultScale = SumFloats(repeating: arguments.resultScale)
        var channel = 0
        while channel < channels {
            var sum = SumFloats(repeating: 0)
            forEachTap { offset in
                let stored = loadBytes(plane + offset + channel, isSigned: signed)
                sum += vector_float(stored &- zeroPoint) * scale
            }
            let lanes = requantization.stored(sum / count / resultScale)
            storeBytes(lanes, result + channel, prefix: channels - channel)
            channel += IntegerBlock.lanes
        }
    }

    /// Calls `body` with the offset of each input pixel under the window.
    @inline(__always)
    private func forEachTap(_ body: (Int) -> Void) {
        let window = arguments.window
        for tapRow in rows.first..<rows.end {
            let y = rows.origin + tapRow * window.dilationHeight
            for tapColumn in columns.first..<columns.end {
                let x = columns.origin + tapColumn * window.dilationWidth
                body((y * window.inputWidth + x) * window.channels)
            }
        }
    }
}
