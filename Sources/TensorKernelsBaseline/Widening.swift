import CVectorSupport
import TensorKernels

/// A band of input rows as 16-bit numbers with the padding around them, so that no kernel needs to look at edges.
struct WidenedBand {
    let window: SlidingWindow
    let input: ByteInput
    let scratch: UnsafeMutablePointer<Int16>
    /// Pixels of a row in the band.
    let width: Int
    /// Elements of a row in the band.
    let pitch: Int

    @inline(__always)
    init(window: SlidingWindow, input: ByteInput, scratch: UnsafeMutablePointer<Int16>) {
        self.window = window
        self.input = input
        self.scratch = scratch
        width = (window.outputWidth - 1) * window.strideWidth + (window.kernelWidth - 1) * window.dilationWidth + 1
        pitch = width * window.channels
    }

    /// Input rows that `outputRows` rows of results read.
    @inline(__always)
    func inputRows(_ outputRows: Int) -> Int {
        (outputRows - 1) * window.strideHeight + (window.kernelHeight - 1) * window.dilationHeight + 1
    }

    /// Widens the input rows of `outputRows` rows of results from `row` on.
    @inline(__always)
    func fill(batch: Int, row: Int, outputRows: Int) {
        let plane = input.bytes + batch * window.inputPlane
        let lineBytes = window.inputWidth * window.channels
        let leading = min(window.padLeft * window.channels, pitch)
        let middle = min(lineBytes, pitch - leading)
        for line in 0..<inputRows(outputRows) {
            let y = row * window.strideHeight - window.padTop + line
            let target = scratch + line * pitch
            guard y >= 0, y < window.inputHeight else {
                repeated(input.zeroPoint, pitch, to: target)
                continue
            }
            repeated(input.zeroPoint, leading, to: target)
            widen(plane + y * lineBytes, middle, isSigned: input.isSigned, to: target + leading)
            repeated(input.zeroPoint, pitch - leading - middle, to: target + leading + middle)
        }
    }
}

/// `count` bytes as 16-bit numbers; loads and stores nothing past them.
@inline(__always)
func widen(_ source: UnsafeRawPointer, _ count: Int, isSigned: Bool, to target: UnsafeMutablePointer<Int16>) {
    if isSigned {
        widen(source, count, to: target, vector: { vector_widen_signed($0) }, single: { Int16($0.load(as: Int8.self)) })
    } else {
        widen(
            source, count, to: target, vector: { vector_widen_unsigned($0) }, single: { Int16($0.load(as: UInt8.self)) }
        )
    }
}

@inline(__always)
private func widen(
    _ source: UnsafeRawPointer, _ count: Int, to target: UnsafeMutablePointer<Int16>,
    vector: (UnsafeRawPointer) -> Pairs, single: (UnsafeRawPointer) -> Int16
) {
    let width = 2 * IntegerBlock.lanes
    var index = 0
    if count >= width {
        while index < count {
            // The last vector is moved back over what is done already.
            let place = min(index, count - width)
            UnsafeMutableRawPointer(target + place).storeBytes(of: vector(source + place), as: Pairs.self)
            index += width
        }
    } else {
        while index < count {
            target[index] = single(source + index)
            index += 1
        }
    }
}

@inline(__always)
private func repeated(_ value: Int32, _ count: Int, to target: UnsafeMutablePointer<Int16>) {
    let element = Int16(truncatingIfNeeded: value)
    var index = 0
    while index < count {
        target[index] = element
        index += 1
    }
}
