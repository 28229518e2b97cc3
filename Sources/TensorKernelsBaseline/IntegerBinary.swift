import CVectorSupport
import TensorKernels

/// Arithmetic on bytes with broadcasting, in floats and in ONNX's order: dequantize, compute, quantize.
@inline(never)
func integerBinary(_ arguments: IntegerBinaryArguments) {
    switch arguments.function {
    case .add: combine(arguments) { $0 + $1 }
    case .subtract: combine(arguments) { $0 - $1 }
    case .multiply: combine(arguments) { $0 * $1 }
    }
}

/// Inputs of one signedness, the usual case, have it decided outside of the loop.
@inline(__always)
private func combine(_ arguments: IntegerBinaryArguments, _ function: (SumFloats, SumFloats) -> SumFloats) {
    if arguments.first.isSigned, arguments.second.isSigned {
        combine(arguments, isSigned: true, function)
    } else {
        combine(arguments, isSigned: nil, function)
    }
}

/// Runs the innermost loop by vectors. `isSigned` of both inputs if they are alike; nil looks at each.
@inline(__always)
private func combine(
    _ arguments: IntegerBinaryArguments, isSigned: Bool?, _ function: (SumFloats, SumFloats) -> SumFloats
) {
    let (outer, size, firstStep, secondStep) = arguments.loops.splittingInnermost()
    let arithmetic = LaneArithmetic(arguments)
    let firstSigned = isSigned ?? arguments.first.isSigned
    let secondSigned = isSigned ?? arguments.second.isSigned
    var position = LoopPosition()
    var result = arguments.result
    for _ in 0..<outer.count {
        let first = arguments.first.bytes + position.first
        let second = arguments.second.bytes + position.second
        var index = 0
        if firstStep == 1, secondStep == 1 {
            // Whole vectors need no look at steps and ends, and are stored two at a time.
            while index + 2 * IntegerBlock.lanes <= size {
                let next = index + IntegerBlock.lanes
                vector_store_byte_pairs(
                    arithmetic.stored(
                        loadBytes(first + index, isSigned: firstSigned),
                        loadBytes(second + index, isSigned: secondSigned), function),
                    arithmetic.stored(
                        loadBytes(first + next, isSigned: firstSigned),
                        loadBytes(second + next, isSigned: secondSigned), function), result + index)
                index += 2 * IntegerBlock.lanes
            }
        }
        while index < size {
            let count = min(IntegerBlock.lanes, size - index)
            let one = load(first + index * firstStep, step: firstStep, isSigned: firstSigned, count)
            let other = load(second + index * secondStep, step: secondStep, isSigned: secondSigned, count)
            storeBytes(arithmetic.stored(one, other, function), result + index, prefix: count)
            index += IntegerBlock.lanes
        }
        result += size
        position.advance(in: outer)
    }
}

/// The numbers of a binary operation in every lane.
private struct LaneArithmetic {
    let firstZero: Sums
    let secondZero: Sums
    let firstScale: SumFloats
    let secondScale: SumFloats
    let resultScale: SumFloats
    let requantization: LaneRequantization

    @inline(__always)
    init(_ arguments: IntegerBinaryArguments) {
        firstZero = Sums(repeating: arguments.first.zeroPoint)
        secondZero = Sums(repeating: arguments.second.zeroPoint)
        firstScale = SumFloats(repeating: arguments.firstScale)
        secondScale = SumFloats(repeating: arguments.secondScale)
        resultScale = SumFloats(repeating: arguments.resultScale)
        requantization = LaneRequantization(arguments.requantization)
    }

    /// The stored results of two vectors of stored operands.
    @inline(__always)
    func stored(_ first: Sums, _ second: Sums, _ function: (SumFloats, SumFloats) -> SumFloats) -> Sums {
        let value = function(
            vector_float(first &- firstZero) * firstScale, vector_float(second &- secondZero) * secondScale)
        return requantization.stored(value / resultScale)
    }
}

/// The first `count` bytes at a distance of `step`; 0 repeats one.
@inline(__always)
private func load(_ source: UnsafeRawPointer, step: Int, isSigned: Bool, _ count: Int) -> Sums {
    if step == 1 { return loadBytes(source, isSigned: isSigned, prefix: count) }
    if step == 0 { return Sums(repeating: byte(source, isSigned: isSigned)) }
    var lanes = Sums(repeating: 0)
    for lane in 0..<count { lanes[lane] = byte(source + lane * step, isSigned: isSigned) }
    return lanes
}
