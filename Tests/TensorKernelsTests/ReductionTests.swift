import Foundation
import Sketches
import TensorKernels
import Testing

@Suite("Reductions, softmax and affine on every instruction set")
struct ReductionTests {
    @Test("reductions cover any axes", arguments: KernelModule.available, Reduction.allCases)
    func reductions(module: KernelModule, function: Reduction) {
        var random = SeededGenerator(seed: 60)
        let shape = [3, 5, 35]
        let values = random.floats(3 * 5 * 35, in: function == .logSum ? 0.1...1 : -1.2...1.2)
        for axes in [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2], []] {
            let found = run(module, function, values, shape, axes)
            #expect(largestError(found, expected(function, values, shape, axes)) < 1e-5, "\(module.name) \(axes)")
        }
    }

    private func run(
        _ module: KernelModule, _ function: Reduction, _ values: [Float], _ shape: [Int], _ axes: [Int]
    ) -> [Float] {
        var (kept, reduced) = (LoopNest(), LoopNest())
        for axis in shape.indices {
            let step = shape[(axis + 1)...].reduce(1, *)
            if axes.contains(axis) {
                reduced.append(size: shape[axis], first: step)
            } else {
                kept.append(size: shape[axis], first: step)
            }
        }
        let (x, y) = (AlignedFloats(values), AlignedFloats(count: kept.count))
        module.table.reduce(
            ReduceArguments(function: function, input: x.pointer, result: y.pointer, kept: kept, reduced: reduced))
        #expect(y.isSlackUntouched)
        return y.values
    }

    private func expected(_ function: Reduction, _ values: [Float], _ shape: [Int], _ axes: [Int]) -> [Double] {
        var groups: [Int: [Double]] = [:]
        for (index, value) in values.enumerated() {
            var (rest, key, unit) = (index, 0, 1)
            for axis in shape.indices.reversed() {
                if !axes.contains(axis) {
                    key += rest % shape[axis] * unit
                    unit *= shape[axis]
                }
                rest /= shape[axis]
            }
            groups[key, default: []].append(Double(value))
        }
        return groups.sorted { $0.key < $1.key }.map { reduce(function, $0.value) }
    }

    private func reduce(_ function: Reduction, _ values: [Double]) -> Double {
        switch function {
        case .sum: values.reduce(0, +)
        case .mean: values.reduce(0, +) / Double(values.count)
        case .maximum: values.max() ?? 0
        case .minimum: values.min() ?? 0
        case .product: values.reduce(1, *)
        case .l1: values.reduce(0) { $0 + abs($1) }
        case .l2: values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        case .sumSquare: values.reduce(0) { $0 + $1 * $1 }
        case .logSumExp: log(values.reduce(0) { $0 + exp($1) })
        case .logSum: log(values.reduce(0, +))
        }
    }

    @Test("log-sum-exp does not overflow", arguments: KernelModule.available)
    func largeExponents(module: KernelModule) {
        let found = run(module, .logSumExp, [Float](repeating: 200, count: 33), [33], [0])
        #expect(largestError(found, [200 + log(33)]) < 1e-6)
    }

    @Test("softmax sums to one along its axis", arguments: KernelModule.available, [true, false])
    func softmax(module: KernelModule, logarithmic: Bool) {
        var random = SeededGenerator(seed: 70)
        for (outer, size, inner) in [(1, 10, 1), (3, 37, 1), (2, 7, 19), (2, 1, 5), (1, 16, 16)] {
            let values = random.floats(outer * size * inner, in: -200...200)
            let memory = AlignedFloats(values)
            module.table.softmax(
                SoftmaxArguments(
                    input: memory.pointer, result: memory.pointer, outer: outer, size: size, inner: inner,
                    logarithmic: logarithmic))
            let expected = values.indices.map { index -> Double in
                let start = index / (size * inner) * size * inner + index % inner
                let line = (0..<size).map { Double(values[start + $0 * inner]) }
                let highest = line.max() ?? 0
                let sum = line.reduce(0) { $0 + exp($1 - highest) }
                let shifted = Double(values[index]) - highest
                return logarithmic ? shifted - log(sum) : exp(shifted) / sum
            }
            #expect(largestError(memory.values, expected) < 1e-6, "\(module.name) \(outer) \(size) \(inner)")
            #expect(memory.isSlackUntouched)
        }
    }

    @Test("affine scales and shifts each channel", arguments: KernelModule.available)
    func affine(module: KernelModule) {
        var random = SeededGenerator(seed: 80)
        for (outer, channels, inner) in [(2, 5, 1), (3, 18, 7), (1, 33, 20)] {
            let values = random.floats(outer * channels * inner)
            let (scale, shift) = (random.floats(channels), random.floats(channels))
            let memory = AlignedFloats(values)
            let (a, b) = (AlignedFloats(paddedToVector(scale)), AlignedFloats(paddedToVector(shift)))
            module.table.affine(
                AffineArguments(
                    input: memory.pointer, scale: a.pointer, shift: b.pointer, result: memory.pointer, outer: outer,
                    channels: channels, inner: inner))
            let expected = values.indices.map { index in
                let channel = index / inner % channels
                return Double(values[index]) * Double(scale[channel]) + Double(shift[channel])
            }
            #expect(largestError(memory.values, expected) < 1e-6)
            #expect(memory.isSlackUntouched)
        }
    }
}
