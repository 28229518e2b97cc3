import Sketches
import TensorKernels
import Testing

@Suite("Matrix products on every instruction set")
struct GemmTests {
    @Test("every tile size gives the sum of products", arguments: KernelModule.available)
    func products(module: KernelModule) {
        var random = SeededGenerator(seed: 1)
        for rows in [1, 2, 3, 5, 6, 7, 11, 12, 13, 29] {
            for columns in [1, 4, 5, 8, 15, 16, 17, 31, 32, 33, 60, 100, 130, 260] {
                for inner in [1, 7, 32] {
                    check(module, rows, inner, columns, &random)
                }
            }
        }
    }

    private func check(
        _ module: KernelModule, _ rows: Int, _ inner: Int, _ columns: Int, _ random: inout SeededGenerator
    ) {
        let left = random.floats(rows * (inner + 3))
        let right = random.floats(inner * columns)
        let bias = random.floats(columns)
        let clamp = Clamp(low: -0.5, high: .infinity)
        let stride = columns + 2
        let a = AlignedFloats(left)
        let b = AlignedFloats(packed(right, rows: inner, columns: columns))
        let c = AlignedFloats(paddedToVector(bias))
        let y = AlignedFloats(count: rows * stride, repeating: 77)
        let hasBias = rows % 2 == 1
        let addend = inner == 7 ? random.floats(rows * stride) : nil
        let z = addend.map { AlignedFloats($0) }
        module.table.gemm(
            GemmArguments(
                left: a.pointer, leftStride: inner + 3, panels: b.pointer,
                bias: hasBias ? UnsafePointer(c.pointer) : nil, addend: z.map { UnsafePointer($0.pointer) },
                result: y.pointer, resultStride: stride, rows: rows, inner: inner, columns: columns, clamp: clamp))
        var expected = [Double](repeating: 77, count: rows * stride)
        for row in 0..<rows {
            for column in 0..<columns {
                var sum = (hasBias ? Double(bias[column]) : 0) + (addend.map { Double($0[row * stride + column]) } ?? 0)
                for k in 0..<inner { sum += Double(left[row * (inner + 3) + k]) * Double(right[k * columns + column]) }
                expected[row * stride + column] = max(-0.5, sum)
            }
        }
        #expect(largestError(y.values, expected) < 1e-5, "\(module.name) \(rows)×\(inner)×\(columns)")
        #expect(y.isSlackUntouched)
    }

    @Test("equal columns give equal sums, wherever they stand", arguments: KernelModule.available)
    func equalColumns(module: KernelModule) {
        var random = SeededGenerator(seed: 2)
        let inner = 77
        for rows in [1, 2, 7, 13] {
            for columns in [5, 13, 24, 40, 56, 100, 250] {
                let column = random.floats(inner)
                let left = AlignedFloats(random.floats(rows * inner))
                let right = (0..<inner * columns).map { column[$0 / columns] }
                let panels = AlignedFloats(packed(right, rows: inner, columns: columns))
                let result = AlignedFloats(count: rows * columns, repeating: 0)
                module.table.gemm(
                    GemmArguments(
                        left: left.pointer, leftStride: inner, panels: panels.pointer, bias: nil,
                        result: result.pointer, resultStride: columns, rows: rows, inner: inner, columns: columns,
                        clamp: .none))
                for row in 0..<rows {
                    let sums = Set(result.values[row * columns..<(row + 1) * columns])
                    #expect(sums.count == 1, "\(rows) rows, \(columns) columns")
                }
            }
        }
    }

    @Test("a transposed matrix packs to the same panels")
    func transposedPacking() {
        let matrix = (0..<60).map { Float($0) }
        let transposed = AlignedFloats((0..<60).map { matrix[$0 % 3 * 20 + $0 / 3] })
        let target = AlignedFloats(count: 96)
        Movement.packPanels(
            transposed.pointer, rows: 3, columns: 20, rowStride: 1, columnStride: 3, to: target.pointer)
        #expect(target.values == packed(matrix, rows: 3, columns: 20))
    }
}
