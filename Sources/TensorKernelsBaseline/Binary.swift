import TensorKernels

/// Elementwise arithmetic with broadcasting.
@inline(never)
func binary(_ arguments: BinaryArguments) {
    switch arguments.function {
    case .add: combine(arguments) { $0 + $1 }
    case .subtract: combine(arguments) { $0 - $1 }
    case .multiply: combine(arguments) { $0 * $1 }
    case .divide: combine(arguments) { $0 / $1 }
    case .minimum: combine(arguments) { minimum($0, $1) }
    case .maximum: combine(arguments) { maximum($0, $1) }
    case .parametricRelu:
        combine(arguments) { x, slope in x.replacing(with: slope * x, where: x .< Lanes(repeating: 0)) }
    case .power:
        combine(arguments) { base, exponent in
            var result = base
            for lane in 0..<Block.lanes { result[lane] = Power.raise(base[lane], exponent[lane]) }
            return result
        }
    }
}

/// Runs the innermost loop by vectors; its steps are 0 or 1 but where a broadcast dimension lies further in.
@inline(__always)
private func combine(_ arguments: BinaryArguments, _ function: (Lanes, Lanes) -> Lanes) {
    let (outer, size, firstStep, secondStep) = arguments.loops.splittingInnermost()
    var position = LoopPosition()
    var result = arguments.result
    for _ in 0..<outer.count {
        let first = arguments.first + position.first
        let second = arguments.second + position.second
        var index = 0
        while index + Block.lanes <= size {
            let one = load(first + index * firstStep, step: firstStep, prefix: Block.lanes)
            let other = load(second + index * secondStep, step: secondStep, prefix: Block.lanes)
            store(function(one, other), result + index)
            index += Block.lanes
        }
        if index < size {
            let one = load(first + index * firstStep, step: firstStep, prefix: size - index)
            let other = load(second + index * secondStep, step: secondStep, prefix: size - index)
            store(function(one, other), result + index, prefix: size - index)
        }
        result += size
        position.advance(in: outer)
    }
}

/// The first `count` elements at a distance of `step`; 0 repeats one element.
@inline(__always)
private func load(_ source: UnsafePointer<Float>, step: Int, prefix count: Int) -> Lanes {
    if step == 0 { return Lanes(repeating: source[0]) }
    if step == 1 { return count == Block.lanes ? load(source) : load(source, prefix: count) }
    var lanes = Lanes(repeating: 0)
    for lane in 0..<count { lanes[lane] = source[lane * step] }
    return lanes
}

/// Scale and shift per channel.
@inline(never)
func affine(_ arguments: AffineArguments) {
    let channels = arguments.channels
    let inner = arguments.inner
    for outer in 0..<arguments.outer {
        let start = outer * channels * inner
        if inner == 1 {
            affineChannels(arguments, start: start)
            continue
        }
        for channel in 0..<channels {
            let scale = Lanes(repeating: arguments.scale[channel])
            let shift = Lanes(repeating: arguments.shift[channel])
            let line = start + channel * inner
            var index = 0
            while index < inner {
                let count = min(Block.lanes, inner - index)
                let x = loadUpTo(arguments.input + line + index, count)
                store(multiplyAdd(shift, x, scale), arguments.result + line + index, prefix: count)
                index += Block.lanes
            }
        }
    }
}

/// All channels of one position, contiguous.
@inline(__always)
private func affineChannels(_ arguments: AffineArguments, start: Int) {
    var channel = 0
    while channel < arguments.channels {
        let count = min(Block.lanes, arguments.channels - channel)
        let x = loadUpTo(arguments.input + start + channel, count)
        let y = multiplyAdd(load(arguments.shift + channel), x, load(arguments.scale + channel))
        store(y, arguments.result + start + channel, prefix: count)
        channel += Block.lanes
    }
}
