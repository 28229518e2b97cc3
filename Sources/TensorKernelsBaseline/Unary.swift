import TensorKernels

/// Applies a function to each element: one loop per function, so that nothing is decided per element.
@inline(never)
func unary(_ arguments: UnaryArguments) {
    let alpha = Lanes(repeating: arguments.alpha)
    let beta = Lanes(repeating: arguments.beta)
    let zero = Lanes(repeating: 0)
    let one = Lanes(repeating: 1)
    switch arguments.function {
    case .identity: map(arguments) { $0 }
    case .relu: map(arguments) { x in x.replacing(with: zero, where: x .< zero) }
    case .leakyRelu: map(arguments) { x in x.replacing(with: alpha * x, where: x .< zero) }
    case .thresholdedRelu: map(arguments) { x in zero.replacing(with: x, where: x .> alpha) }
    case .clip:
        let bounds = LaneClamp(Clamp(low: arguments.alpha, high: arguments.beta))
        map(arguments) { bounded($0, bounds) }
    case .abs: map(arguments) { magnitude($0) }
    case .negate: map(arguments) { -$0 }
    case .reciprocal: map(arguments) { one / $0 }
    case .sqrt: map(arguments) { $0.squareRoot() }
    case .floor: map(arguments) { roundDown($0) }
    case .ceil: map(arguments) { roundUp($0) }
    case .round: map(arguments) { roundToEven($0) }
    case .sign:
        map(arguments) { x in
            let positive = zero.replacing(with: one, where: x .> zero)
            return positive.replacing(with: -one, where: x .< zero).replacing(with: x, where: x .!= x)
        }
    case .softsign: map(arguments) { $0 / (1 + magnitude($0)) }
    case .hardSigmoid: map(arguments) { hardSigmoid($0, alpha, beta) }
    case .hardSwish:
        let sixth = Lanes(repeating: 1.0 / 6)
        map(arguments) { $0 * hardSigmoid($0, sixth, Lanes(repeating: 0.5)) }
    default: unaryWithExponential(arguments, alpha, beta)
    }
}

/// The functions that need an exponential, a logarithm or another series.
@inline(__always)
private func unaryWithExponential(_ arguments: UnaryArguments, _ alpha: Lanes, _ beta: Lanes) {
    let zero = Lanes(repeating: 0)
    switch arguments.function {
    case .elu: map(arguments) { elu($0, alpha) }
    case .selu: map(arguments) { beta * elu($0, alpha) }
    case .sigmoid: map(arguments) { logistic($0) }
    case .swish: map(arguments) { $0 * logistic(alpha * $0) }
    case .tanh: map(arguments) { hyperbolicTangent($0) }
    case .softplus: map(arguments) { softplus($0) }
    case .gelu: map(arguments) { 0.5 * $0 * (1 + errorFunction($0 * 0.707_106_78)) }
    case .geluTanh:
        map(arguments) { x in
            let cubic = multiplyAdd(x, x * x * x, zero + 0.044_715)
            return 0.5 * x * (1 + hyperbolicTangent(cubic * 0.797_884_56))
        }
    case .erf: map(arguments) { errorFunction($0) }
    case .exp: map(arguments) { exponential($0) }
    default: map(arguments) { logarithm($0) }
    }
}

@inline(__always)
func hardSigmoid(_ x: Lanes, _ alpha: Lanes, _ beta: Lanes) -> Lanes {
    bounded(multiplyAdd(beta, alpha, x), LaneClamp(Clamp(low: 0, high: 1)))
}

@inline(__always)
func elu(_ x: Lanes, _ alpha: Lanes) -> Lanes {
    x.replacing(with: alpha * exponentialMinusOne(x), where: x .< Lanes(repeating: 0))
}

/// `e^x − 1` for x ≤ 0, within 4e-7 relative: near 0, where the difference cancels, by its power series.
@inline(__always)
private func exponentialMinusOne(_ x: Lanes) -> Lanes {
    var series = Lanes(repeating: 1.0 / 720)
    series = multiplyAdd(Lanes(repeating: 1.0 / 120), series, x)
    series = multiplyAdd(Lanes(repeating: 1.0 / 24), series, x)
    series = multiplyAdd(Lanes(repeating: 1.0 / 6), series, x)
    series = multiplyAdd(Lanes(repeating: 0.5), series, x)
    series = multiplyAdd(Lanes(repeating: 1), series, x)
    return (exponential(x) - 1).replacing(with: series * x, where: x .> Lanes(repeating: -0.35))
}

@inline(__always)
private func map(_ arguments: UnaryArguments, _ function: (Lanes) -> Lanes) {
    let count = arguments.count
    var index = 0
    while index + Block.lanes <= count {
        store(function(load(arguments.input + index)), arguments.result + index)
        index += Block.lanes
    }
    if index < count {
        let rest = count - index
        store(function(load(arguments.input + index, prefix: rest)), arguments.result + index, prefix: rest)
    }
}
