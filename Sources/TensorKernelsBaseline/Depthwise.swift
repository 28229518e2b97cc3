import TensorKernels

/// One filter per channel: vectors run over channels, so no lane ever needs another's input. The output is cut into
/// rectangles whose pixels have the same taps inside the input; several pixels of a rectangle, in one row or not, share
/// each loaded weight. So the edges and narrow images are nearly as fast as the inside of wide ones.
@inline(never)
func depthwise(_ arguments: DepthwiseArguments) {
    let window = arguments.window
    for batch in 0..<window.batch {
        var row = 0
        while row < window.outputHeight {
            let rows = OutputRun(
                from: row, of: window.outputHeight, stride: window.strideHeight, dilation: window.dilationHeight,
                pad: window.padTop, kernel: window.kernelHeight, size: window.inputHeight)
            var column = 0
            while column < window.outputWidth {
                let columns = OutputRun(
                    from: column, of: window.outputWidth, stride: window.strideWidth, dilation: window.dilationWidth,
                    pad: window.padLeft, kernel: window.kernelWidth, size: window.inputWidth)
                depthwiseRectangle(arguments, PixelRectangle(arguments, batch: batch, rows, columns))
                column = columns.end
            }
            row = rows.end
        }
    }
}

/// Neighbouring output rows (or columns) that have the same kernel rows (or columns) inside the input.
private struct OutputRun {
    let start: Int
    let end: Int
    /// The kernel positions of the first one.
    let taps: TapRange

    @inline(__always)
    init(from start: Int, of count: Int, stride: Int, dilation: Int, pad: Int, kernel: Int, size: Int) {
        self.start = start
        let taps = TapRange(
            output: start, stride: stride, dilation: dilation, pad: pad, kernel: kernel, size: size)
        self.taps = taps
        var end = start + 1
        if taps.first == 0, taps.end == kernel {
            // All further ones that lie inside, without looking at each.
            end = min(count, (size - 1 - (kernel - 1) * dilation + pad) / stride + 1)
        }
        while end < count {
            let next = TapRange(output: end, stride: stride, dilation: dilation, pad: pad, kernel: kernel, size: size)
            guard next.first == taps.first, next.end == taps.end else { break }
            end += 1
        }
        self.end = end
    }
}

/// A rectangle of output pixels with the same taps inside the input.
private struct PixelRectangle {
    /// The element under the first pixel's first tap inside.
    let input: UnsafePointer<Float>
    let result: UnsafeMutablePointer<Float>
    let rows: Int
    let columns: Int
    /// Elements from one pixel's window to its right neighbour's.
    let step: Int
    /// Elements from one pixel's window to the one below.
    let rowStep: Int
    let resultRowStep: Int
    let tapRows: Int
    let tapColumns: Int
    /// Elements between neighbouring taps.
    let tapStep: Int
    let tapRowStep: Int
    /// The first tap inside.
    let firstTap: Int

    @inline(__always)
    init(_ arguments: DepthwiseArguments, batch: Int, _ rows: OutputRun, _ columns: OutputRun) {
        let window = arguments.window
        let line = window.inputWidth * window.channels
        self.rows = rows.end - rows.start
        self.columns = columns.end - columns.start
        step = window.strideWidth * window.channels
        rowStep = window.strideHeight * line
        resultRowStep = window.outputWidth * window.channels
        tapRows = rows.taps.end - rows.taps.first
        tapColumns = columns.taps.end - columns.taps.first
        tapStep = window.dilationWidth * window.channels
        tapRowStep = window.dilationHeight * line
        firstTap = rows.taps.first * window.kernelWidth + columns.taps.first
        let y = rows.taps.origin + rows.taps.first * window.dilationHeight
        let x = columns.taps.origin + columns.taps.first * window.dilationWidth
        input = arguments.input + batch * window.inputPlane + (y * window.inputWidth + x) * window.channels
        result =
            arguments.result
            + ((batch * window.outputHeight + rows.start) * window.outputWidth + columns.start) * window.channels
    }

    /// Where the windows and results of `group.count` pixels from `pixel` on, in reading order, begin.
    @inline(__always)
    func fill(_ group: inout PixelGroup, from pixel: Int, count: Int, channels: Int) {
        var row = pixel / columns
        var column = pixel - row * columns
        for index in 0..<count {
            group.starts[index] = input + row * rowStep + column * step
            group.results[index] = result + row * resultRowStep + column * channels
            column += 1
            if column == columns {
                column = 0
                row += 1
            }
        }
    }
}

/// Up to eight pixels that are computed together.
private struct PixelGroup {
    var starts: InlineArray<8, UnsafePointer<Float>>
    var results: InlineArray<8, UnsafeMutablePointer<Float>>
}

/// All pixels of a rectangle, eight at a time, or four or one where there are fewer. The last group is moved back over
/// pixels that are done.
@inline(__always)
private func depthwiseRectangle(_ arguments: DepthwiseArguments, _ rectangle: PixelRectangle) {
    let count = rectangle.rows * rectangle.columns
    let channels = arguments.window.channels
    let size = count >= 8 ? 8 : count >= 4 ? 4 : 1
    var group = PixelGroup(
        starts: InlineArray(repeating: rectangle.input), results: InlineArray(repeating: rectangle.result))
    var pixel = 0
    while pixel < count {
        rectangle.fill(&group, from: min(pixel, count - size), count: size, channels: channels)
        switch size {
        case 8: depthwise8(arguments, rectangle, group)
        case 4: depthwise4(arguments, rectangle, group)
        default: depthwise1(arguments, rectangle, group)
        }
        pixel += size
    }
}

@inline(never)
private func depthwise8(_ arguments: DepthwiseArguments, _ rectangle: PixelRectangle, _ group: PixelGroup) {
    var channel = 0
    while channel < arguments.window.channels {
        DepthwiseKernel<8, 1>.run(arguments, rectangle, group, channel)
        channel += Block.lanes
    }
}

@inline(never)
private func depthwise4(_ arguments: DepthwiseArguments, _ rectangle: PixelRectangle, _ group: PixelGroup) {
    var channel = 0
    while channel < arguments.window.channels {
        DepthwiseKernel<4, 1>.run(arguments, rectangle, group, channel)
        channel += Block.lanes
    }
}

/// One pixel: as many sums are under way by taking four vectors of channels at a time.
@inline(never)
private func depthwise1(_ arguments: DepthwiseArguments, _ rectangle: PixelRectangle, _ group: PixelGroup) {
    let channels = arguments.window.channels
    var channel = 0
    while channel + 4 * Block.lanes <= channels {
        DepthwiseKernel<1, 4>.run(arguments, rectangle, group, channel)
        channel += 4 * Block.lanes
    }
    while channel < channels {
        DepthwiseKernel<1, 1>.run(arguments, rectangle, group, channel)
        channel += Block.lanes
    }
}

/// `pixels` output pixels of `vectors` vectors of channels; one of the two is 1.
private enum DepthwiseKernel<let pixels: Int, let vectors: Int> {
    @inline(__always)
    static func run(
        _ arguments: DepthwiseArguments, _ rectangle: PixelRectangle, _ group: PixelGroup, _ channel: Int
    ) {
        let width = KernelLayout.panelWidth
        let taps = arguments.window.taps
        var sums = InlineArray<8, Lanes>(repeating: Lanes(repeating: 0))
        var weights = InlineArray<vectors, UnsafePointer<Float>>(repeating: arguments.panels)
        for vector in 0..<vectors {
            let start = channel + vector * Block.lanes
            if let bias = arguments.bias {
                for pixel in 0..<pixels { sums[pixel * vectors + vector] = load(bias + start) }
            }
            weights[vector] =
                arguments.panels + start / width * width * taps + start % width + rectangle.firstTap * width
        }
        var tap = 0
        var line = channel
        for _ in 0..<rectangle.tapRows {
            var offset = line
            let next = tap + arguments.window.kernelWidth * width
            for _ in 0..<rectangle.tapColumns {
                for vector in 0..<vectors {
                    let weight = load(weights[vector] + tap)
                    for pixel in 0..<pixels {
                        let value = load(group.starts[pixel] + (offset + vector * Block.lanes))
                        let slot = pixel * vectors + vector
                        sums[slot] = multiplyAdd(sums[slot], value, weight)
                    }
                }
                tap += width
                offset += rectangle.tapStep
            }
            tap = next
            line += rectangle.tapRowStep
        }
        let bounds = LaneClamp(arguments.clamp)
        let count = arguments.window.channels - channel
        if count >= vectors * Block.lanes {
            for vector in 0..<vectors {
                for pixel in 0..<pixels {
                    let sum = bounded(sums[pixel * vectors + vector], bounds)
                    store(sum, group.results[pixel] + (channel + vector * Block.lanes))
                }
            }
        } else {
            // Only a single vector is ever partial.
            var rows = InlineArray<8, Lanes>(repeating: Lanes(repeating: 0))
            for pixel in 0..<pixels { rows[pixel] = bounded(sums[pixel], bounds) }
            storeSome(rows, group, pixels: pixels, channel: channel, count: count)
        }
    }
}

/// The first `count` lanes of each pixel's vector. A function of its own, so that the sums of whole vectors need not be
/// in memory.
@inline(never)
private func storeSome(
    _ rows: InlineArray<8, Lanes>, _ group: PixelGroup, pixels: Int, channel: Int, count: Int
) {
    for pixel in 0..<pixels { store(rows[pixel], group.results[pixel] + channel, prefix: count) }
}
