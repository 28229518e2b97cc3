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
    let requantization = LaneRequantization(arguments.requantization)
    let firstSigned = isSigned ?? arguments.first.isSigned
    let secondSigned = isSigned ?? arguments.second.isSigned
    let firstZero = Sums(repeating: arguments.first.zeroPoint)
    let secondZero = Sums(repeating: arguments.second.zeroPoint)
    let firstScale = SumFloats(repeating: arguments.firstScale)
    let secondScale = SumFloats(repeating: arguments.secondScale)
    let resultScale = SumFloats(repeating: arguments.resultScale)
    var position = LoopPosition()
    var result = arguments.result
    for _ in 0..<outer.count {
        let first = arguments.first.bytes + position.first
        let second = arguments.second.bytes + position.second
        var index = 0
        while index < size {
            let count = min(IntegerBlock.lanes, size - index)
            let one = load(first + index * firstStep, step: firstStep, isSigned: firstSigned, count)
            let other = load(second + index * secondStep, step: secondStep, isSigned: secondSigned, count)
            let values = function(
                vector_float(one &- firstZero) * firstScale, vector_float(other &- secondZero) * secondScale)
            storeBytes(requantization.stored(values / resultScale), result + index, prefix: count)
            index += IntegerBlock.lanes
        }
        result += size
        position.advance(in: outer)
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
