import TensorKernels

/// Softmax and its logarithm. The largest element is subtracted first, so no exponential overflows.
@inline(never)
func softmax(_ arguments: SoftmaxArguments) {
    let plane = arguments.size * arguments.inner
    for outer in 0..<arguments.outer {
        let input = arguments.input + outer * plane
        let result = arguments.result + outer * plane
        if arguments.inner == 1 {
            softmaxLine(input, result, arguments.size, logarithmic: arguments.logarithmic)
        } else {
            softmaxLanes(arguments, input, result)
        }
    }
}

/// One contiguous line.
@inline(__always)
private func softmaxLine(
    _ input: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Float>, _ size: Int, logarithmic: Bool
) {
    let highest = largestElement(input, size)
    let shift = Lanes(repeating: highest)
    var sums = Lanes(repeating: 0)
    var index = 0
    while index < size {
        let count = min(Block.lanes, size - index)
        let shifted = loadUpTo(input + index, count) - shift
        let powers = exponential(shifted)
        if count == Block.lanes {
            sums += powers
        } else {
            for lane in 0..<count { sums[lane] += powers[lane] }
        }
        store(logarithmic ? shifted : powers, result + index, prefix: count)
        index += Block.lanes
    }
    finish(result, size, sum: sums.sum(), logarithmic: logarithmic)
}

/// The largest of `size` elements, at least one.
@inline(__always)
private func largestElement(_ input: UnsafePointer<Float>, _ size: Int) -> Float {
    var index = 0
    var highest = -Float.infinity
    if size >= Block.lanes {
        var lanes = load(input)
        while index + Block.lanes <= size {
            lanes = largest(lanes, load(input + index))
            index += Block.lanes
        }
        highest = lanes.max()
    }
    while index < size {
        highest = max(highest, input[index])
        index += 1
    }
    return highest
}

/// Divides powers by their sum, or subtracts the sum's logarithm from shifted values.
@inline(__always)
private func finish(_ result: UnsafeMutablePointer<Float>, _ size: Int, sum: Float, logarithmic: Bool) {
    let sums = Lanes(repeating: sum)
    let logarithms = logarithm(sums)
    var index = 0
    while index < size {
        let count = min(Block.lanes, size - index)
        let value = loadUpTo(result + index, count)
        store(logarithmic ? value - logarithms : value / sums, result + index, prefix: count)
        index += Block.lanes
    }
}

/// Lines that lie across memory: each lane follows one of them.
@inline(__always)
private func softmaxLanes(
    _ arguments: SoftmaxArguments, _ input: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Float>
) {
    let inner = arguments.inner
    var start = 0
    while start < inner {
        let count = min(Block.lanes, inner - start)
        var highest = Lanes(repeating: -.infinity)
        for index in 0..<arguments.size {
            highest = largest(highest, loadUpTo(input + index * inner + start, count))
        }
        var sums = Lanes(repeating: 0)
        for index in 0..<arguments.size {
            let shifted = loadUpTo(input + index * inner + start, count) - highest
            let powers = exponential(shifted)
            sums += powers
            store(arguments.logarithmic ? shifted : powers, result + index * inner + start, prefix: count)
        }
        let logarithms = logarithm(sums)
        for index in 0..<arguments.size {
            let place = result + index * inner + start
            let value = loadUpTo(place, count)
            store(arguments.logarithmic ? value - logarithms : value / sums, place, prefix: count)
        }
        start += Block.lanes
    }
}
