import CVectorSupport
import TensorKernels

/// One filter per channel, over bytes. The input of a band is widened into pairs: each 32-bit lane holds a channel of
/// one pixel and of its right neighbour (at the window's dilation), so that one dot product takes two taps. An odd
/// kernel width has a weight of 0 for the last pair's second tap.
@inline(never)
func integerDepthwise(_ arguments: IntegerConvolutionArguments) {
    let window = arguments.window
    let pairs = UnsafeMutableRawPointer(arguments.scratch).assumingMemoryBound(to: Int32.self)
    let band = PairBand(window: window, input: arguments.input, pairs: pairs)
    var result = arguments.result
    for batch in 0..<window.batch {
        var row = 0
        while row < window.outputHeight {
            let rows = min(arguments.bandRows, window.outputHeight - row)
            band.fill(batch: batch, row: row, outputRows: rows)
            var pixels = PairWalk(band: band)
            var left = rows * window.outputWidth
            while left > 0 {
                let inputs = pixels.next(of: left)
                depthwisePixels(arguments, band, inputs, count: min(4, left), result)
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
    let pairs: UnsafeMutablePointer<Int32>
    /// Pixels of a row in the band.
    let width: Int
    let pitch: Int

    @inline(__always)
    init(window: SlidingWindow, input: ByteInput, pairs: UnsafeMutablePointer<Int32>) {
        self.window = window
        self.input = input
        self.pairs = pairs
        width = (window.outputWidth - 1) * window.strideWidth + (window.kernelWidth - 1) * window.dilationWidth + 1
        pitch = width * window.channels
    }

    @inline(__always)
    func fill(batch: Int, row: Int, outputRows: Int) {
        let lines = (outputRows - 1) * window.strideHeight + (window.kernelHeight - 1) * window.dilationHeight + 1
        let plane = input.bytes + batch * window.inputPlane
        let lineBytes = window.inputWidth * window.channels
        for line in 0..<lines {
            let y = row * window.strideHeight - window.padTop + line
            let isInside = y >= 0 && y < window.inputHeight
            fillLine(isInside ? plane + y * lineBytes : nil, pairs + line * pitch)
        }
    }

    /// One row; nil is a row of padding.
    @inline(__always)
    private func fillLine(_ line: UnsafeRawPointer?, _ target: UnsafeMutablePointer<Int32>) {
        let padding = Sums(repeating: input.zeroPoint)
        let step = window.dilationWidth
        let channels = window.channels
        guard let line else {
            write(target, width * channels) { _ in join(padding, padding) }
            return
        }
        let signed = input.isSigned
        let size = window.inputWidth
        // Pixel x of the band is input pixel x − padLeft; its neighbour is `step` further.
        let firstInside = min(width, window.padLeft)
        let bothEnd = max(firstInside, min(width, window.padLeft + size - step))
        for x in 0..<firstInside {
            let neighbour = x - window.padLeft + step
            let isInside = neighbour >= 0 && neighbour < size
            write(target + x * channels, channels) { offset in
                join(padding, isInside ? loadBytes(line + neighbour * channels + offset, isSigned: signed) : padding)
            }
        }
        let inside = line + (firstInside - window.padLeft) * channels
        write(target + firstInside * channels, (bothEnd - firstInside) * channels) { offset in
            join(
                loadBytes(inside + offset, isSigned: signed),
                loadBytes(inside + step * channels + offset, isSigned: signed))
        }
        for x in bothEnd..<width {
            let own = x - window.padLeft
            write(target + x * channels, channels) { offset in
                join(own < size ? loadBytes(line + own * channels + offset, isSigned: signed) : padding, padding)
            }
        }
    }

    /// Writes whole vectors in ascending order: what is written past `count` is written again by what follows.
    @inline(__always)
    private func write(_ target: UnsafeMutablePointer<Int32>, _ count: Int, _ lanes: (Int) -> Sums) {
        var offset = 0
        while offset < count {
            UnsafeMutableRawPointer(target + offset).storeBytes(of: lanes(offset), as: Sums.self)
            offset += IntegerBlock.lanes
        }
    }
}

/// Two 16-bit numbers in each lane.
@_transparent
private func join(_ low: Sums, _ high: Sums) -> Sums {
    (low & Sums(repeating: 0xFFFF)) | (high &<< Sums(repeating: 16))
}

private typealias PairInputs = InlineArray<4, UnsafePointer<Int32>>

/// Walks over the pixels of a band.
private struct PairWalk {
    let band: PairBand
    private var column = 0
    private var row = 0

    @inline(__always)
    init(band: PairBand) {
        self.band = band
    }

    /// Where the inputs of the next four pixels begin; past the last of the `left` ones the last is repeated.
    @inline(__always)
    mutating func next(of left: Int) -> PairInputs {
        let window = band.window
        var inputs = PairInputs(repeating: UnsafePointer(band.pairs))
        for pixel in 0..<4 {
            inputs[pixel] =
                UnsafePointer(band.pairs) + row * window.strideHeight * band.pitch + column * window.strideWidth
                * window.channels
            guard pixel + 1 < left else { continue }
            column += 1
            if column == window.outputWidth {
                column = 0
                row += 1
            }
        }
        return inputs
    }
}

/// All channels of four pixels, two vectors at a time.
@inline(__always)
private func depthwisePixels(
    _ arguments: IntegerConvolutionArguments, _ band: PairBand, _ inputs: PairInputs, count: Int,
    _ result: UnsafeMutableRawPointer
) {
    let channels = arguments.window.channels
    let requantization = LaneRequantization(arguments.requantization)
    var channel = 0
    while channel < channels {
        if IntegerBlock.lanes < KernelLayout.panelWidth, channel + IntegerBlock.lanes < channels {
            PairKernel<2, 8>.run(arguments, band, inputs, count: count, channel, requantization, result + channel)
            channel += 2 * IntegerBlock.lanes
        } else {
            PairKernel<1, 4>.run(arguments, band, inputs, count: count, channel, requantization, result + channel)
            channel += IntegerBlock.lanes
        }
    }
}

/// Four pixels by `vectors` vectors of channels.
private enum PairKernel<let vectors: Int, let slots: Int> {
    @inline(__always)
    static func run(
        _ arguments: IntegerConvolutionArguments, _ band: PairBand, _ inputs: PairInputs, count: Int, _ channel: Int,
        _ requantization: LaneRequantization, _ result: UnsafeMutableRawPointer
    ) {
        let window = arguments.window
        let width = KernelLayout.panelWidth
        let tapPairs = (window.kernelWidth + 1) / 2
        var sums = InlineArray<slots, Sums>(repeating: Sums(repeating: 0))
        var weights =
            arguments.panels + (channel / width * width * window.kernelHeight * tapPairs + channel % width) * 2
        for tapRow in 0..<window.kernelHeight {
            let line = tapRow * window.dilationHeight * band.pitch + channel
            for tapPair in 0..<tapPairs {
                let offset = line + 2 * tapPair * window.dilationWidth * window.channels
                for vector in 0..<vectors {
                    let filter = vector_widen_signed(weights + 2 * vector * IntegerBlock.lanes)
                    for pixel in 0..<4 {
                        let value = load(inputs[pixel] + offset + vector * IntegerBlock.lanes)
                        sums[pixel * vectors + vector] &+= vector_dot(value, filter)
                    }
                }
                weights += 2 * width
            }
        }
        for vector in 0..<vectors {
            let start = vector * IntegerBlock.lanes
            let columns = window.channels - channel - start
            let bias = loadUpTo(arguments.bias + channel + start, columns)
            let factors = loadUpTo(arguments.multipliers + channel + start, columns)
            for pixel in 0..<4 where pixel < count {
                let lanes = requantization.stored(vector_float(sums[pixel * vectors + vector] &+ bias) * factors)
                storeBytes(lanes, result + pixel * window.channels + start, prefix: columns)
            }
        }
    }

    @_transparent
    private static func load(_ source: UnsafePointer<Int32>) -> Pairs {
        UnsafeRawPointer(source).loadUnaligned(as: Pairs.self)
    }
}
