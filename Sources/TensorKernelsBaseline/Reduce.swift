import TensorKernels

/// Reductions over any axes. Where the results lie side by side in the input, each lane sums up one of them; where
/// the reduced elements do, lanes share them; else one element is read at a time.
@inline(never)
func reduce(_ arguments: ReduceArguments) {
    let (keptOuter, keptSize, keptStep, _) = arguments.kept.splittingInnermost()
    let accumulator = Accumulator(function: arguments.function, count: arguments.reduced.count)
    var position = LoopPosition()
    var result = arguments.result
    for _ in 0..<keptOuter.count {
        let row = arguments.input + position.first
        if keptStep == 1, keptSize > 1 {
            reduceLanes(arguments, accumulator, row, keptSize, result)
        } else {
            for index in 0..<keptSize {
                result[index] = reduceOne(arguments.reduced, accumulator, row + index * keptStep)
            }
        }
        result += keptSize
        position.advance(in: keptOuter)
    }
}

/// Neighbouring results: a vector of them at a time.
@inline(__always)
private func reduceLanes(
    _ arguments: ReduceArguments, _ accumulator: Accumulator, _ input: UnsafePointer<Float>, _ size: Int,
    _ result: UnsafeMutablePointer<Float>
) {
    var start = 0
    while start < size {
        let count = min(Block.lanes, size - start)
        let total = accumulator.total { visit in
            var position = LoopPosition()
            for _ in 0..<arguments.reduced.count {
                visit(loadUpTo(input + start + position.first, count))
                position.advance(in: arguments.reduced)
            }
        }
        store(accumulator.finish(total), result + start, prefix: count)
        start += Block.lanes
    }
}

/// One result: whole vectors of a line are shared by the lanes, whose parts are merged at the end; what is left of a
/// line is read one element at a time.
@inline(__always)
private func reduceOne(_ loops: LoopNest, _ accumulator: Accumulator, _ input: UnsafePointer<Float>) -> Float {
    let (outer, size, step, _) = loops.splittingInnermost()
    let wide = step == 1 ? size / Block.lanes * Block.lanes : 0
    let peak = accumulator.needsPeak ? highest(loops, input) : 0
    var sums = accumulator.start
    var rest = accumulator.start
    var position = LoopPosition()
    for _ in 0..<outer.count {
        let line = input + position.first
        var index = 0
        while index < wide {
            sums = accumulator.add(sums, load(line + index), peak: Lanes(repeating: peak))
            index += Block.lanes
        }
        while index < size {
            rest = accumulator.add(rest, Lanes(repeating: line[index * step]), peak: Lanes(repeating: peak))
            index += 1
        }
        position.advance(in: outer)
    }
    var total = rest[0]
    for lane in 0..<Block.lanes { total = accumulator.merge(total, sums[lane]) }
    return accumulator.finish((Lanes(repeating: total), Lanes(repeating: peak)))[0]
}

/// The largest element that `loops` visits; 0 if that is infinite, which leaves exponentials as they are.
@inline(__always)
private func highest(_ loops: LoopNest, _ input: UnsafePointer<Float>) -> Float {
    var highest = -Float.infinity
    var position = LoopPosition()
    for _ in 0..<loops.count {
        highest = max(highest, input[position.first])
        position.advance(in: loops)
    }
    return highest.isInfinite ? 0 : highest
}

/// What each reduction starts from, how it adds an element and what it makes of the sum.
private struct Accumulator {
    let function: Reduction
    let count: Int

    /// True when the largest element must be known first, to keep exponentials from overflowing.
    var needsPeak: Bool { function == .logSumExp }

    var start: Lanes {
        switch function {
        case .maximum: Lanes(repeating: -.infinity)
        case .minimum: Lanes(repeating: .infinity)
        case .product: Lanes(repeating: 1)
        default: Lanes(repeating: 0)
        }
    }

    @inline(__always)
    func add(_ sum: Lanes, _ value: Lanes, peak: Lanes) -> Lanes {
        switch function {
        case .sum, .mean, .logSum: sum + value
        case .maximum: maximum(sum, value)
        case .minimum: minimum(sum, value)
        case .product: sum * value
        case .l1: sum + magnitude(value)
        case .l2, .sumSquare: multiplyAdd(sum, value, value)
        case .logSumExp: sum + exponential(value - peak)
        }
    }

    @inline(__always)
    func merge(_ one: Float, _ other: Float) -> Float {
        switch function {
        case .maximum: one.isNaN || one > other ? one : other
        case .minimum: one.isNaN || one < other ? one : other
        case .product: one * other
        default: one + other
        }
    }

    @inline(__always)
    func finish(_ total: (sum: Lanes, peak: Lanes)) -> Lanes {
        switch function {
        case .mean: total.sum / Lanes(repeating: Float(count))
        case .l2: total.sum.squareRoot()
        case .logSum: logarithm(total.sum)
        case .logSumExp: logarithm(total.sum) + total.peak
        default: total.sum
        }
    }

    /// Adds up what `walk` visits, after finding the peak where one is needed.
    @inline(__always)
    func total(_ walk: ((Lanes) -> Void) -> Void) -> (sum: Lanes, peak: Lanes) {
        var peak = Lanes(repeating: 0)
        if needsPeak {
            peak = Lanes(repeating: -.infinity)
            walk { peak = largest(peak, $0) }
            peak.replace(with: 0, where: magnitude(peak) .== Lanes(repeating: .infinity))
        }
        var sum = start
        walk { sum = add(sum, $0, peak: peak) }
        return (sum, peak)
    }
}
