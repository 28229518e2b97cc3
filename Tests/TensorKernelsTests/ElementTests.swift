import Foundation
import Sketches
import TensorKernels
import Testing

/// What a function should give, in double precision, and how far off a float result may be (relative above 1).
private func reference(_ function: ElementFunction, _ x: Double, _ alpha: Double, _ beta: Double) -> Double {
    func hardSigmoid(_ x: Double, _ a: Double, _ b: Double) -> Double { max(0, min(1, a * x + b)) }
    return switch function {
    case .identity: x
    case .relu: max(x, 0)
    case .leakyRelu: x < 0 ? alpha * x : x
    case .elu: x < 0 ? alpha * expm1(x) : x
    case .selu: beta * (x > 0 ? x : alpha * expm1(x))
    case .sigmoid: 1 / (1 + exp(-x))
    case .tanh: tanh(x)
    case .hardSigmoid: hardSigmoid(x, alpha, beta)
    case .hardSwish: x * hardSigmoid(x, 1 / 6, 0.5)
    case .softplus: x > 30 ? x : log1p(exp(x))
    case .softsign: x / (1 + abs(x))
    case .gelu: x / 2 * (1 + erf(x / 2.0.squareRoot()))
    case .geluTanh: x / 2 * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    case .clip: min(beta, max(alpha, x))
    case .thresholdedRelu: x > alpha ? x : 0
    case .swish: x / (1 + exp(-alpha * x))
    case .erf: erf(x)
    case .exp: exp(x)
    case .log: log(x)
    case .sqrt: x.squareRoot()
    case .abs: abs(x)
    case .negate: -x
    case .reciprocal: 1 / x
    case .floor: x.rounded(.down)
    case .ceil: x.rounded(.up)
    case .round: x.rounded(.toNearestOrEven)
    case .sign: x > 0 ? 1 : x < 0 ? -1 : 0
    }
}

@Suite("Elementwise functions on every instruction set")
struct ElementTests {
    @Test("each function follows its formula", arguments: KernelModule.available, ElementFunction.allCases)
    func unary(module: KernelModule, function: ElementFunction) {
        var random = SeededGenerator(seed: 40)
        var values = random.floats(3001, in: -4...4) + random.floats(500, in: -90...90)
        values += [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 8_388_609, -8_388_609, 1e-6, -1e-6, 0]
        if function == .log || function == .sqrt { values = values.map { abs($0) } }
        if function == .exp { values = values.map { min($0, 80) } }
        let (alpha, beta): (Float, Float) = (0.3, 0.7)
        let found = run(module, function, values, alpha, beta)
        let expected = values.map { reference(function, Double($0), Double(alpha), Double(beta)) }
        #expect(largestError(found, expected) < 2e-6, "\(module.name) \(function)")
    }

    @Test("infinities, NaN and the smallest numbers come out right", arguments: KernelModule.available)
    func specials(module: KernelModule) {
        let inputs: [Float] = [.infinity, -.infinity, .nan, 0, -200, 200, .leastNormalMagnitude / 1000]
        func apply(_ function: ElementFunction) -> [Float] { run(module, function, inputs, 1, 1) }
        let exponential = apply(.exp)
        #expect(exponential[0] == .infinity && exponential[1] == 0 && exponential[2].isNaN && exponential[3] == 1)
        #expect(exponential[4] == 0 && exponential[5] == .infinity)
        let logarithm = apply(.log)
        #expect(logarithm[0] == .infinity && logarithm[1].isNaN && logarithm[2].isNaN && logarithm[3] == -.infinity)
        #expect(abs(Double(logarithm[6]) - log(Double(inputs[6]))) < 1e-4)
        let tangent = apply(.tanh)
        #expect(tangent[0] == 1 && tangent[1] == -1 && tangent[2].isNaN)
        let sigmoid = apply(.sigmoid)
        #expect(sigmoid[0] == 1 && sigmoid[1] == 0 && sigmoid[2].isNaN && sigmoid[3] == 0.5)
        let softplus = apply(.softplus)
        #expect(softplus[0] == .infinity && softplus[1] == 0 && softplus[4] == 0 && softplus[5] == 200)
        #expect(apply(.relu)[2].isNaN)
        #expect(exp(-103).isApproximately(Double(run(module, .exp, [-103], 1, 1)[0]), within: 0.4))
    }

    @Test("small arguments keep their relative precision", arguments: KernelModule.available)
    func relativePrecision(module: KernelModule) {
        var random = SeededGenerator(seed: 41)
        let small = random.floats(500, in: -0.9...0.9) + [1e-5, -1e-5, 1e-10]
        for function in [ElementFunction.tanh, .erf, .elu] {
            let found = run(module, function, small, 1, 1)
            for (x, y) in zip(small, found) {
                let expected = reference(function, Double(x), 1, 1)
                #expect(abs(Double(y) - expected) <= 6e-7 * abs(expected), "\(module.name) \(function) \(x)")
            }
        }
    }

    private func run(
        _ module: KernelModule, _ function: ElementFunction, _ values: [Float], _ alpha: Float, _ beta: Float
    ) -> [Float] {
        let memory = AlignedFloats(values)
        module.table.unary(
            UnaryArguments(
                function: function, alpha: alpha, beta: beta, input: memory.pointer, result: memory.pointer,
                count: values.count))
        #expect(memory.isSlackUntouched)
        return memory.values
    }

    @Test("pairs broadcast over any dimension", arguments: KernelModule.available, PairFunction.allCases)
    func binary(module: KernelModule, function: PairFunction) {
        var random = SeededGenerator(seed: 50)
        for (size, firstSteps, secondSteps) in [
            ([37], [1], [1]), ([37], [1], [0]), ([37], [0], [1]), ([3, 19], [19, 1], [0, 1]),
            ([4, 5, 6], [30, 6, 1], [6, 0, 1]), ([4, 18], [1, 4], [18, 1]),
        ] {
            var nest = LoopNest()
            for axis in size.indices {
                nest.append(size: size[axis], first: firstSteps[axis], second: secondSteps[axis])
            }
            let count = size.reduce(1, *)
            let first = random.floats(count, in: 0.1...3)
            let second = random.floats(count, in: -2...2)
            let (a, b, y) = (AlignedFloats(first), AlignedFloats(second), AlignedFloats(count: count))
            module.table.binary(
                BinaryArguments(
                    function: function, loops: nest, first: a.pointer, second: b.pointer, result: y.pointer))
            let expected = (0..<count).map { index -> Double in
                var (rest, one, other) = (index, 0, 0)
                for axis in size.indices.reversed() {
                    one += rest % size[axis] * firstSteps[axis]
                    other += rest % size[axis] * secondSteps[axis]
                    rest /= size[axis]
                }
                return pair(function, Double(first[one]), Double(second[other]))
            }
            #expect(largestError(y.values, expected) < 1e-6, "\(module.name) \(function) \(size)")
            #expect(y.isSlackUntouched)
        }
    }

    private func pair(_ function: PairFunction, _ a: Double, _ b: Double) -> Double {
        switch function {
        case .add: a + b
        case .subtract: a - b
        case .multiply: a * b
        case .divide: a / b
        case .power: pow(a, b)
        case .minimum: min(a, b)
        case .maximum: max(a, b)
        case .parametricRelu: a < 0 ? b * a : a
        }
    }

    @Test("powers keep C's rules for signs, zeros and infinities")
    func powers() {
        let bases: [Float] = [-2, -1, -0.5, -0.0, 0, 0.5, 1, 2, .infinity, -.infinity, .nan, 1.0001, 3e38]
        let exponents: [Float] = [-3, -2, -0.5, 0, 0.5, 1, 2, 3, 127, 1e9, .infinity, -.infinity, .nan, 20_000]
        for base in bases {
            for exponent in exponents {
                let expected = powf(base, exponent)
                let found = Power.raise(base, exponent)
                let isRight =
                    found == expected || (found.isNaN && expected.isNaN)
                    || abs(found - expected) <= 3e-7 * abs(expected)
                #expect(isRight, "\(base)^\(exponent): \(found), not \(expected)")
            }
        }
    }
}

extension Double {
    fileprivate func isApproximately(_ other: Double, within tolerance: Double) -> Bool {
        abs(self - other) <= tolerance * abs(self)
    }
}
