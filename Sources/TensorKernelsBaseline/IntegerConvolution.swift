import TensorKernels

/// Convolution over bytes. The input of a band of output rows is widened to 16 bits, with its padding, into scratch
/// that stays in the first-level cache; every pixel's patch then is a few contiguous runs of it, and pairs of elements
/// are multiplied by pairs of weights. Nothing is gathered.
@inline(never)
func integerConvolution(_ arguments: IntegerConvolutionArguments) {
    let window = arguments.window
    if window.isPointwise {
        pointwise(arguments)
        return
    }
    let band = WidenedBand(window: window, input: arguments.input, scratch: arguments.scratch)
    var result = arguments.result
    for batch in 0..<window.batch {
        var row = 0
        while row < window.outputHeight {
            let rows = min(arguments.bandRows, window.outputHeight - row)
            band.fill(batch: batch, row: row, outputRows: rows)
            let walk = PixelWalk(
                base: UnsafeRawPointer(arguments.scratch), columns: window.outputWidth,
                columnStep: 2 * window.strideWidth * window.channels, rowStep: 2 * window.strideHeight * band.pitch)
            multiply(arguments, walk, pixels: rows * window.outputWidth, pitch: band.pitch, result)
            result += rows * window.outputWidth * arguments.filters
            row += rows
        }
    }
}

/// Every output pixel reads the input pixel of its place: pixels are one long row.
@inline(__always)
private func pointwise(_ arguments: IntegerConvolutionArguments) {
    let channels = arguments.window.channels
    let pixels = arguments.window.batch * arguments.window.outputHeight * arguments.window.outputWidth
    let walk = PixelWalk(
        base: UnsafeRawPointer(arguments.scratch), columns: pixels, columnStep: 2 * channels, rowStep: 0)
    var pixel = 0
    while pixel < pixels {
        let count = min(arguments.bandRows, pixels - pixel)
        widen(
            arguments.input.bytes + pixel * channels, count * channels, isSigned: arguments.input.isSigned,
            to: arguments.scratch)
        multiply(arguments, walk, pixels: count, pitch: channels, arguments.result + pixel * arguments.filters)
        pixel += count
    }
}

/// All filters over the pixels of a band: a panel of weights is walked for all of them before the next one.
@inline(__always)
private func multiply(
    _ arguments: IntegerConvolutionArguments, _ walk: PixelWalk, pixels: Int, pitch: Int,
    _ result: UnsafeMutableRawPointer
) {
    let window = arguments.window
    let groupChannels = window.channels / arguments.groups
    let groupFilters = arguments.filters / arguments.groups
    let merges = arguments.mergesTaps
    let length = merges ? window.kernelWidth * groupChannels : groupChannels
    let runs = RunLayout(
        outer: window.kernelHeight, outerStep: window.dilationHeight * pitch, inner: merges ? 1 : window.kernelWidth,
        innerStep: window.dilationWidth * window.channels, pairs: (length + 1) / 2)
    let panelBytes = runs.totalPairs * 2 * KernelLayout.panelWidth
    let panels = (groupFilters + KernelLayout.panelWidth - 1) / KernelLayout.panelWidth
    for group in 0..<arguments.groups {
        var walk = walk
        walk.base += 2 * group * groupChannels
        let first = group * groupFilters
        TileRoom.with { room in
            let results = TileResults(
                bias: arguments.bias + first, multipliers: arguments.multipliers + first, columns: groupFilters,
                stride: arguments.filters, requantization: LaneRequantization(arguments.requantization), room: room)
            let tile = IntegerTileArguments(
                runs: runs, weights: arguments.panels + group * panels * panelBytes, results: results)
            if pixels == 1 {
                integerRow(tile, walk.base, panelBytes: panelBytes, to: result + first)
            } else {
                integerPanels(tile, walk, pixels: pixels, panelBytes: panelBytes, to: result + first)
            }
        }
    }
}

/// All panels of one group.
@inline(__always)
private func integerPanels(
    _ group: IntegerTileArguments, _ walk: PixelWalk, pixels: Int, panelBytes: Int, to result: UnsafeMutableRawPointer
) {
    var tile = group
    var target = result
    while tile.results.columns > 0 {
        if tile.results.columns <= IntegerBlock.lanes {
            narrowPanel(tile, walk, pixels, target)
        } else {
            widePanel(tile, walk, pixels, target)
        }
        tile.weights += panelBytes
        tile.results.skip(KernelLayout.panelWidth)
        target += KernelLayout.panelWidth
    }
}

@inline(never)
private func widePanel(
    _ tile: IntegerTileArguments, _ walk: PixelWalk, _ pixels: Int, _ result: UnsafeMutableRawPointer
) {
    var walk = walk
    var pixel = 0
    while pixel < pixels {
        let left = pixels - pixel
        let target = result + pixel * tile.results.stride
        if left > IntegerBlock.Medium.pixels {
            walk.next(IntegerBlock.Large.pixels, of: left, to: tile.results.room.inputs)
            IntegerBlock.Large.run(tile, count: left, to: target)
            pixel += IntegerBlock.Large.pixels
        } else {
            walk.next(IntegerBlock.Medium.pixels, of: left, to: tile.results.room.inputs)
            IntegerBlock.Medium.run(tile, count: left, to: target)
            pixel += IntegerBlock.Medium.pixels
        }
    }
}

@inline(never)
private func narrowPanel(
    _ tile: IntegerTileArguments, _ walk: PixelWalk, _ pixels: Int, _ result: UnsafeMutableRawPointer
) {
    var walk = walk
    var pixel = 0
    while pixel < pixels {
        let left = pixels - pixel
        walk.next(IntegerBlock.Narrow.pixels, of: left, to: tile.results.room.inputs)
        IntegerBlock.Narrow.run(tile, count: left, to: result + pixel * tile.results.stride)
        pixel += IntegerBlock.Narrow.pixels
    }
}

extension IntegerTile {
    /// Pixels of the tile.
    @inline(__always) static var pixels: Int { rows }
}

/// Walks over the pixels of a band and says where their inputs begin.
struct PixelWalk {
    var base: UnsafeRawPointer
    /// Pixels of an output row.
    let columns: Int
    /// Bytes from one pixel's inputs to those of the next, and from one row's to the next.
    let columnStep: Int
    let rowStep: Int
    private var column = 0
    private var row = 0

    @inline(__always)
    init(base: UnsafeRawPointer, columns: Int, columnStep: Int, rowStep: Int) {
        self.base = base
        self.columns = columns
        self.columnStep = columnStep
        self.rowStep = rowStep
    }

    /// Writes where the inputs of the next `count` pixels begin; past the last of the `left` ones the last is repeated.
    @inline(__always)
    mutating func next(_ count: Int, of left: Int, to inputs: UnsafeMutablePointer<UnsafeRawPointer>) {
        var place = base + row * rowStep + column * columnStep
        for pixel in 0..<count {
            inputs[pixel] = place
            guard pixel + 1 < left else { continue }
            column += 1
            place += columnStep
            if column == columns {
                column = 0
                row += 1
                place = base + row * rowStep
            }
        }
    }
}
