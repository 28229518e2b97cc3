import CVectorSupport
import TensorKernels

/// One filter per channel, over bytes. The input of a band is widened into pairs: each 32-bit lane holds a channel of
/// one pixel and of its right neighbour (at the window's dilation), so that one dot product takes two taps. An odd
/// kernel width has a weight of 0 for the last pair's second tap.
@inline(never)
func integerDepthwise(_ arguments: IntegerConvolutionArguments) {
    TileRoom.with { room in
        // A vector of padding.
        room.spare.initializeMemory(
            as: UInt8.self, repeating: UInt8(truncatingIfNeeded: arguments.input.zeroPoint), count: IntegerBlock.lanes)
        depthwise(arguments, room)
    }
}

@inline(__always)
private func depthwise(_ arguments: IntegerConvolutionArguments, _ room: TileRoom) {
    let window = arguments.window
    let pairs = UnsafeMutableRawPointer(arguments.scratch).assumingMemoryBound(to: Int32.self)
    let band = PairBand(
        window: window, input: arguments.input, padding: UnsafeRawPointer(room.spare), pairs: pairs)
    let results = TileResults(
        bias: arguments.bias, multipliers: arguments.multipliers, columns: window.channels, stride: window.channels,
        requantization: LaneRequantization(arguments.requantization), room: room)
    var result = arguments.result
    for batch in 0..<window.batch {
        var row = 0
        while row < window.outputHeight {
            let rows = min(arguments.bandRows, window.outputHeight - row)
            band.fill(batch: batch, row: row, outputRows: rows)
            var walk = PixelWalk(
                base: UnsafeRawPointer(pairs), columns: window.outputWidth,
                columnStep: 4 * window.strideWidth * window.channels, rowStep: 4 * window.strideHeight * band.pitch)
            var left = rows * window.outputWidth
            while left > 0 {
                walk.next(4, of: left, to: room.inputs)
                depthwisePixels(band, arguments.panels, results, count: min(4, left), result)
                result += min(4, left) * window.channels
                left -= 4
            }
            row += rows
        }
    }
}

/// Input rows as pairs of neighbours.
private struct PairBand {
    let window: SlidingWindow
    let input: ByteInput
    /// A vector of bytes that mean 0.
    let padding: UnsafeRawPointer
    let pairs: UnsafeMutablePointer<Int32>
    /// Pixels of a row in the band.
    let width: Int
    let pitch: Int

    @inline(__always)
    init(
        window: SlidingWindow, input: ByteInput, padding: UnsafeRawPointer, pairs: UnsafeMutablePointer<Int32>
    ) {
        self.window = window
        self.input = input
        self.padding = padding
        self.pairs = pairs
        width = (window.outputWidth - 1) * window.strideWidth + (window.kernelWidth - 1) * window.dilationWidth + 1
        pitch = width * window.channels
    }

    /// Makes pairs of the input rows of `outputRows` rows of results from `row` on.
    @inline(__always)
    func fill(batch: Int, row: Int, outputRows: Int) {
        if input.isSigned {
            fill(batch: batch, row: row, outputRows: outputRows) { vector_join_signed($0, $1) }
        } else {
            fill(batch: batch, row: row, outputRows: outputRows) { vector_join_unsigned($0, $1) }
        }
    }

    @inline(__always)
    private func fill(
        batch: Int, row: Int, outputRows: Int, _ join: (UnsafeRawPointer, UnsafeRawPointer) -> Pairs
    ) {
        let lines = (outputRows - 1) * window.strideHeight + (window.kernelHeight - 1) * window.dilationHeight + 1
        let plane = input.bytes + batch * window.inputPlane
        for line in 0..<lines {
            let y = row * window.strideHeight - window.padTop + line
            let target = pairs + line * pitch
            if y >= 0, y < window.inputHeight {
                fillLine(plane + y * window.inputWidth * window.channels, target, join)
            } else {
                write(target, pitch, (padding, 0), (padding, 0), join)
            }
        }
    }

    /// One row: pixel x of the band is input pixel x − padLeft, its neighbour the dilation further.
    @inline(__always)
    private func fillLine(
        _ line: UnsafeRawPointer, _ target: UnsafeMutablePointer<Int32>,
        _ join: (UnsafeRawPointer, UnsafeRawPointer) -> Pairs
    ) {
        let channels = window.channels
        let neighbour = window.dilationWidth - window.padLeft
        // Where both are inside.
        let first = min(width, window.padLeft)
        let end = max(first, min(width, window.inputWidth - neighbour))
        for x in 0..<first {
            write(target + x * channels, channels, (padding, 0), source(line, x + neighbour), join)
        }
        write(
            target + first * channels, (end - first) * channels, source(line, first - window.padLeft),
            (line + (first + neighbour) * channels, 1), join)
        for x in end..<width {
            write(target + x * channels, channels, source(line, x - window.padLeft), (padding, 0), join)
        }
    }

    /// The bytes of a pixel, and the bytes from one channel to the next: none where it is outside.
    @inline(__always)
    private func source(_ line: UnsafeRawPointer, _ x: Int) -> (UnsafeRawPointer, Int) {
        x >= 0 && x < window.inputWidth ? (line + x * window.channels, 1) : (padding, 0)
    }

    /// Writes whole vectors in ascending order: what is written past `count` is written again by what follows.
    @inline(__always)
    private func write(
        _ target: UnsafeMutablePointer<Int32>, _ count: Int, _ own: (UnsafeRawPointer, Int),
        _ neighbour: (UnsafeRawPointer, Int), _ join: (UnsafeRawPointer, UnsafeRawPointer) -> Pairs
    ) {
        var offset = 0
        while offset < count {
            let pairs = join(own.0 + offset * own.1, neighbour.0 + offset * neighbour.1)
            UnsafeMutableRawPointer(target + offset).storeBytes(of: pairs, as: Pairs.self)
            offset += IntegerBlock.lanes
        }
    }
}

/// All channels of four pixels, two vectors at a time.
@inline(__always)
private func depthwisePixels(
    _ band: PairBand, _ panels: UnsafePointer<Int8>, _ results: TileResults, count: Int,
    _ result: UnsafeMutableRawPointer
) {
    let channels = band.window.channels
    var results = results
    var channel = 0
    while channel < channels {
        if IntegerBlock.lanes < KernelLayout.panelWidth, channel + IntegerBlock.lanes < channels {
            PairKernel<2, 8>.run(band, panels, results.room, channel)
            store(results, vectors: 2, rows: count, to: result + channel)
            channel += 2 * IntegerBlock.lanes
            results.skip(2 * IntegerBlock.lanes)
        } else {
            PairKernel<1, 4>.run(band, panels, results.room, channel)
            store(results, vectors: 1, rows: count, to: result + channel)
            channel += IntegerBlock.lanes
            results.skip(IntegerBlock.lanes)
        }
    }
}

/// Four pixels by `vectors` vectors of channels.
private enum PairKernel<let vectors: Int, let slots: Int> {
    @inline(__always)
    static func run(
        _ band: PairBand, _ panels: UnsafePointer<Int8>, _ room: TileRoom, _ channel: Int
    ) {
        let window = band.window
        let width = KernelLayout.panelWidth
        let tapPairs = (window.kernelWidth + 1) / 2
        let step = 2 * window.dilationWidth * window.channels
        var sums = InlineArray<slots, Sums>(repeating: Sums(repeating: 0))
        var weights = panels + (channel / width * width * window.kernelHeight * tapPairs + channel % width) * 2
        for tapRow in 0..<window.kernelHeight {
            var offset = tapRow * window.dilationHeight * band.pitch + channel
            for _ in 0..<tapPairs {
                for vector in 0..<vectors {
                    let filter = vector_widen_signed(weights + 2 * vector * IntegerBlock.lanes)
                    for pixel in 0..<4 {
                        let value = load(room.inputs[pixel] + 4 * (offset + vector * IntegerBlock.lanes))
                        sums[pixel * vectors + vector] &+= vector_dot(value, filter)
                    }
                }
                weights += 2 * width
                offset += step
            }
        }
        for slot in 0..<slots { room.sums[slot] = sums[slot] }
    }

    @_transparent
    private static func load(_ source: UnsafeRawPointer) -> Pairs {
        source.loadUnaligned(as: Pairs.self)
    }
}
