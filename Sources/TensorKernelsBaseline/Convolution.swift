import TensorKernels

/// Convolution as a matrix product whose left rows are the windows of output pixels, read where they lie: a window is a
/// run of neighbouring elements per kernel row. An input with padding is copied first, a strip of a few output rows at a
/// time and with the zeros around it, so that no window has an edge.
@inline(never)
func convolution(_ arguments: ConvolutionArguments) {
    let window = arguments.window
    if window.isPointwise, arguments.groups == 1 { return gemm(arguments.pointwiseProduct) }
    var line = arguments.rows.lowerBound
    while line < arguments.rows.upperBound {
        let batch = line / window.outputHeight
        let row = line - batch * window.outputHeight
        let rows = min(window.stripRows, window.outputHeight - row, arguments.rows.upperBound - line)
        convolveStrip(arguments, Strip(arguments, batch: batch, row: row, rows: rows))
        line += rows
    }
}

/// Input rows without padding, and the output rows that follow from them.
private struct Strip {
    /// The first element of the first window.
    var input: UnsafePointer<Float>
    /// Elements from one input row to the next.
    var rowStride: Int
    /// Output pixels.
    var pixels: Int
    /// The first pixel's place among all results.
    var firstPixel: Int

    @inline(__always)
    init(_ arguments: ConvolutionArguments, batch: Int, row: Int, rows: Int) {
        let window = arguments.window
        let plane = arguments.input + batch * window.inputPlane
        pixels = rows * window.outputWidth
        firstPixel = (batch * window.outputHeight + row) * window.outputWidth
        if window.isPadded {
            input = UnsafePointer(arguments.scratch)
            rowStride = (window.padLeft + window.inputWidth + window.padRight) * window.channels
            copyStrip(window, plane, row: row, rows: rows, to: arguments.scratch)
        } else {
            rowStride = window.inputWidth * window.channels
            input = plane + row * window.strideHeight * rowStride
        }
    }
}

/// Walks the windows of a strip's output pixels.
private struct WindowWalk {
    private var start: UnsafePointer<Float>
    private var column: Int
    private let columns: Int
    private let step: Int
    private let rowStep: Int

    @inline(__always)
    init(_ window: SlidingWindow, _ strip: Strip, group: UnsafePointer<Float>, pixel: Int) {
        columns = window.outputWidth
        step = window.strideWidth * window.channels
        rowStep = window.strideHeight * strip.rowStride - (columns - 1) * step
        let row = pixel / columns
        column = pixel - row * columns
        start = group + row * window.strideHeight * strip.rowStride + column * step
    }

    @inline(__always)
    mutating func next() -> UnsafePointer<Float> {
        let current = start
        column += 1
        if column == columns {
            column = 0
            start += rowStep
        } else {
            start += step
        }
        return current
    }
}

@inline(__always)
private func convolveStrip(_ arguments: ConvolutionArguments, _ strip: Strip) {
    let window = arguments.window
    let channels = window.channels / arguments.groups
    let filters = arguments.filters / arguments.groups
    let panelColumns = (filters + KernelLayout.panelWidth - 1) / KernelLayout.panelWidth * KernelLayout.panelWidth
    let isRun = window.dilationWidth == 1 && arguments.groups == 1
    let walk = RunWalk(
        outer: window.kernelHeight, outerStep: window.dilationHeight * strip.rowStride,
        inner: isRun ? 1 : window.kernelWidth, innerStep: window.dilationWidth * window.channels,
        length: isRun ? window.kernelWidth * channels : channels)
    let pixels = arguments.rows.upperBound * window.outputWidth
    for group in 0..<arguments.groups {
        let place = strip.firstPixel * arguments.filters + group * filters
        let product = TileColumns(
            panels: arguments.panels + group * panelColumns * walk.count,
            bias: arguments.bias.map { $0 + group * filters }, addend: arguments.addend.map { $0 + place },
            columns: filters, result: arguments.result + place,
            resultStride: arguments.filters, resultCount: (pixels - strip.firstPixel) * arguments.filters, walk: walk,
            clamp: arguments.clamp)
        var column = product.last
        while column >= 0 {
            convolveColumns(window, strip, product, column: column, input: strip.input + group * channels)
            column -= TileColumns.pair
        }
    }
}

/// One pair of vectors of filters for all pixels of a strip.
@inline(__always)
private func convolveColumns(
    _ window: SlidingWindow, _ strip: Strip, _ product: TileColumns, column: Int, input: UnsafePointer<Float>
) {
    let size = product.tileRows(column)
    var starts = RowStarts(repeating: input)
    var walk = WindowWalk(window, strip, group: input, pixel: 0)
    var pixel = 0
    while pixel < strip.pixels {
        let valid = min(size, strip.pixels)
        if pixel + size > strip.pixels {
            // The last tile is moved up over pixels that are done.
            pixel = max(0, strip.pixels - size)
            walk = WindowWalk(window, strip, group: input, pixel: pixel)
        }
        for row in 0..<valid { starts[row] = walk.next() }
        product.tile(column: column, row: pixel, rows: size, valid: valid) { tile, isPair in
            if isPair { windowPair(tile, starts) } else { windowSingle(tile, starts) }
        }
        pixel += size
    }
}

@inline(never) private func windowPair(_ tile: GemmTile, _ starts: RowStarts) { FullTile.pair(tile) { starts[$0] } }
@inline(never) private func windowSingle(_ tile: GemmTile, _ starts: RowStarts) {
    FullSingleTile.single(tile) { starts[$0] }
}

// MARK: - Padding

/// Copies the input rows of `rows` output rows from `row` on, with their padding.
@inline(__always)
private func copyStrip(
    _ window: SlidingWindow, _ plane: UnsafePointer<Float>, row: Int, rows: Int, to strip: UnsafeMutablePointer<Float>
) {
    let before = window.padLeft * window.channels
    let inside = window.inputWidth * window.channels
    let after = window.padRight * window.channels
    let first = row * window.strideHeight - window.padTop
    let count = (rows - 1) * window.strideHeight + (window.kernelHeight - 1) * window.dilationHeight + 1
    var target = strip
    for y in first..<first + count {
        if y < 0 || y >= window.inputHeight {
            clear(target, before + inside + after)
        } else {
            clear(target, before)
            copy(inside, from: plane + y * inside, to: target + before)
            clear(target + before + inside, after)
        }
        target += before + inside + after
    }
}

/// Copies floats by whole vectors, the last one moved back over what is copied already: runs are short, so a call of
/// memcpy would cost more than the copying.
@inline(__always)
private func copy(_ count: Int, from source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>) {
    guard count >= Block.lanes else {
        for index in 0..<count { target[index] = source[index] }
        return
    }
    var index = 0
    while index < count {
        let place = min(index, count - Block.lanes)
        store(load(source + place), target + place)
        index += Block.lanes
    }
}

@inline(__always)
private func clear(_ target: UnsafeMutablePointer<Float>, _ count: Int) {
    for index in 0..<count { target[index] = 0 }
}
