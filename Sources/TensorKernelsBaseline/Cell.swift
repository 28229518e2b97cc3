import TensorKernels

/// What a recurrent layer does to a row of gates. The usual functions have a loop of their own; any others are chosen
/// per vector.
@inline(never)
func cell(_ arguments: CellArguments) {
    let isUsual =
        arguments.clip == .infinity && arguments.first.function == .sigmoid && arguments.second.function == .tanh
        && arguments.third.function == .tanh
    if isUsual {
        cell(arguments, { logistic($0) }, { hyperbolicTangent($0) }, { hyperbolicTangent($0) })
    } else {
        unusualCell(arguments)
    }
}

@inline(never)
private func unusualCell(_ arguments: CellArguments) {
    let bounds = LaneClamp(Clamp(low: -arguments.clip, high: arguments.clip))
    cell(
        arguments, { applied(arguments.first, bounded($0, bounds)) },
        { applied(arguments.second, bounded($0, bounds)) },
        { applied(arguments.third, $0) })
}

@inline(__always)
private func cell(
    _ arguments: CellArguments, _ first: (Lanes) -> Lanes, _ second: (Lanes) -> Lanes, _ third: (Lanes) -> Lanes
) {
    let width = arguments.width
    var place = 0
    while place < width {
        let gates = arguments.gates + place
        let hidden = arguments.hidden + place
        switch arguments.kind {
        case .rnn: store(first(load(gates)), hidden)
        case .gruReset: store(first(load(gates + width)) * load(hidden), arguments.cell + place)
        case .gru:
            let update = first(load(gates))
            var candidate = load(gates + 2 * width)
            if let linear = arguments.linear {
                candidate = multiplyAdd(load(linear + place), first(load(gates + width)), candidate)
            }
            let result = second(candidate)
            store(multiplyAdd(result, update, load(hidden) - result), hidden)
        case .lstm: lstm(arguments, place, first, second, third)
        }
        place += Block.lanes
    }
}

@inline(__always)
private func lstm(
    _ arguments: CellArguments, _ place: Int, _ first: (Lanes) -> Lanes, _ second: (Lanes) -> Lanes,
    _ third: (Lanes) -> Lanes
) {
    let width = arguments.width
    let gates = arguments.gates + place
    let old = load(arguments.cell + place)
    var inputGate = load(gates)
    var outputGate = load(gates + width)
    var forgetGate = load(gates + 2 * width)
    if let peepholes = arguments.peepholes {
        inputGate = multiplyAdd(inputGate, load(peepholes + place), old)
        forgetGate = multiplyAdd(forgetGate, load(peepholes + 2 * width + place), old)
    }
    let input = first(inputGate)
    let forget = arguments.couplesForget ? 1 - input : first(forgetGate)
    let new = multiplyAdd(forget * old, input, second(load(gates + 3 * width)))
    if let peepholes = arguments.peepholes {
        outputGate = multiplyAdd(outputGate, load(peepholes + width + place), new)
    }
    store(new, arguments.cell + place)
    store(first(outputGate) * third(new), arguments.hidden + place)
}

/// A function that is chosen at run time.
@inline(never)
private func applied(_ activation: CellActivation, _ x: Lanes) -> Lanes {
    let alpha = Lanes(repeating: activation.alpha)
    let beta = Lanes(repeating: activation.beta)
    let zero = Lanes(repeating: 0)
    switch activation.function {
    case .sigmoid: return logistic(x)
    case .tanh: return hyperbolicTangent(x)
    case .relu: return x.replacing(with: zero, where: x .< zero)
    case .affine: return multiplyAdd(beta, alpha, x)
    case .leakyRelu: return x.replacing(with: alpha * x, where: x .< zero)
    case .thresholdedRelu: return zero.replacing(with: x, where: x .> alpha)
    case .scaledTanh: return alpha * hyperbolicTangent(beta * x)
    case .hardSigmoid: return hardSigmoid(x, alpha, beta)
    case .elu: return elu(x, alpha)
    case .softsign: return x / (1 + magnitude(x))
    case .softplus: return softplus(x)
    }
}
