import Foundation
import Sketches
import TensorKernels
import Testing

/// The formulas of ONNX's recurrent operators in double precision.
private struct CellReference {
    let arguments: CellArguments

    func apply(_ activation: CellActivation, _ x: Double) -> Double {
        let (alpha, beta) = (Double(activation.alpha), Double(activation.beta))
        switch activation.function {
        case .sigmoid: return 1 / (1 + exp(-x))
        case .tanh: return tanh(x)
        case .relu: return max(0, x)
        case .affine: return alpha * x + beta
        case .leakyRelu: return x < 0 ? alpha * x : x
        case .thresholdedRelu: return x > alpha ? x : 0
        case .scaledTanh: return alpha * tanh(beta * x)
        case .hardSigmoid: return min(1, max(0, alpha * x + beta))
        case .elu: return x < 0 ? alpha * (exp(x) - 1) : x
        case .softsign: return x / (1 + abs(x))
        case .softplus: return log(1 + exp(x))
        }
    }

    func cut(_ x: Double) -> Double { min(max(x, -Double(arguments.clip)), Double(arguments.clip)) }
    func first(_ x: Double) -> Double { apply(arguments.first, cut(x)) }
    func second(_ x: Double) -> Double { apply(arguments.second, cut(x)) }

    /// The new state and cell of one element.
    func step(
        _ gate: (Int) -> Double, linear: Double?, peephole: (Int) -> Double, hidden: Double, cell: Double
    ) -> (hidden: Double, cell: Double) {
        switch arguments.kind {
        case .rnn: return (first(gate(0)), cell)
        case .gruReset: return (hidden, first(gate(1)) * hidden)
        case .gru:
            let update = first(gate(0))
            let candidate = second(linear.map { $0 + first(gate(1)) * gate(2) } ?? gate(2))
            return ((1 - update) * candidate + update * hidden, cell)
        case .lstm:
            let input = first(gate(0) + peephole(0) * cell)
            let forget = arguments.couplesForget ? 1 - input : first(gate(2) + peephole(2) * cell)
            let new = forget * cell + input * second(gate(3))
            return (first(gate(1) + peephole(1) * new) * apply(arguments.third, new), new)
        }
    }
}

@Suite("Recurrent cells on every instruction set")
struct CellTests {
    static let kinds: [CellKind] = [.rnn, .gruReset, .gru, .lstm]

    @Test("a cell follows ONNX's formulas, whatever its functions", arguments: KernelModule.available, kinds)
    func formulas(module: KernelModule, kind: CellKind) {
        var random = SeededGenerator(seed: 40)
        for width in [16, 32, 80] {
            for function in CellFunction.allCases {
                let other = CellFunction.allCases.randomElement(using: &random) ?? .tanh
                let usual = function == .sigmoid && width > 16
                check(
                    module, kind, width, usual ? .tanh : other, function, clip: usual ? .infinity : 0.75,
                    &random)
            }
        }
    }

    private func check(
        _ module: KernelModule, _ kind: CellKind, _ width: Int, _ other: CellFunction, _ function: CellFunction,
        clip: Float, _ random: inout SeededGenerator
    ) {
        let gates = random.floats(4 * width, in: -3...3)
        let (hidden, cell) = (random.floats(width), random.floats(width))
        let linear = Bool.random(using: &random) ? random.floats(width) : nil
        let peepholes = Bool.random(using: &random) ? random.floats(3 * width) : nil
        let (g, h, c) = (AlignedFloats(gates), AlignedFloats(hidden), AlignedFloats(cell))
        let (l, p) = (linear.map { AlignedFloats($0) }, peepholes.map { AlignedFloats($0) })
        let arguments = CellArguments(
            kind: kind, width: width, gates: g.pointer, linear: l.map { UnsafePointer($0.pointer) }, hidden: h.pointer,
            cell: c.pointer, peepholes: p.map { UnsafePointer($0.pointer) },
            first: CellActivation(function, alpha: 0.3, beta: 0.6),
            second: CellActivation(other, alpha: 0.7, beta: 0.2),
            third: CellActivation(other, alpha: 0.4, beta: 0.9), clip: clip,
            couplesForget: clip < 1 && Bool.random(using: &random))
        module.table.cell(arguments)
        let reference = CellReference(arguments: arguments)
        let expected = (0..<width).map { index in
            reference.step(
                { Double(gates[$0 * width + index]) }, linear: linear.map { Double($0[index]) },
                peephole: { slot in peepholes.map { Double($0[slot * width + index]) } ?? 0 },
                hidden: Double(hidden[index]), cell: Double(cell[index]))
        }
        #expect(largestError(h.values, expected.map(\.hidden)) < 2e-6, "\(module.name) \(arguments)")
        #expect(largestError(c.values, expected.map(\.cell)) < 2e-6, "\(module.name) \(arguments)")
        #expect(h.isSlackUntouched && c.isSlackUntouched)
    }
}
