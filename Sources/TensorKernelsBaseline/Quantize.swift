import CVectorSupport
import TensorKernels

/// Floats to bytes.
@inline(never)
func quantize(_ arguments: QuantizeArguments) {
    let (low, high): (Int32, Int32) = arguments.isSigned ? (-128, 127) : (0, 255)
    forEachLine(arguments) { start, scale, zeroPoint in
        let requantization = LaneRequantization(Requantization(zeroPoint: zeroPoint, low: low, high: high))
        let scales = SumFloats(repeating: scale)
        var index = 0
        while index < arguments.inner {
            let count = min(Block.lanes, arguments.inner - index)
            let values = loadUpTo(UnsafePointer(arguments.floats) + start + index, count)
            storeBytes(requantization.stored(values / scales), arguments.bytes + start + index, prefix: count)
            index += Block.lanes
        }
    }
}

/// Bytes to floats.
@inline(never)
func dequantize(_ arguments: QuantizeArguments) {
    forEachLine(arguments) { start, scale, zeroPoint in
        let scales = SumFloats(repeating: scale)
        let zeroPoints = Sums(repeating: zeroPoint)
        var index = 0
        while index < arguments.inner {
            let count = min(Block.lanes, arguments.inner - index)
            let stored = loadBytes(
                UnsafeRawPointer(arguments.bytes) + start + index, isSigned: arguments.isSigned, prefix: count)
            let values = vector_float(stored &- zeroPoints) * scales
            store(values, arguments.floats + start + index, prefix: count)
            index += Block.lanes
        }
    }
}

/// Calls `body` with the start, scale and zero point of each contiguous line of one channel.
@inline(__always)
private func forEachLine(_ arguments: QuantizeArguments, _ body: (Int, Float, Int32) -> Void) {
    for outer in 0..<arguments.outer {
        for channel in 0..<arguments.channels {
            let start = (outer * arguments.channels + channel) * arguments.inner
            body(start, arguments.scales[channel], arguments.zeroPoints[channel])
        }
    }
}
