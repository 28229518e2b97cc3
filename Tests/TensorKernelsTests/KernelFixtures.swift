import CEdgeSupport
import Sketches
import TensorKernels
import TensorKernelsBaseline
import Testing

#if canImport(TensorKernelsAVX512)
    import TensorKernelsAVX2
    import TensorKernelsAVX512
#endif

/// One instruction set's kernels, as an argument of every test of the suite.
struct KernelModule: CustomTestStringConvertible, Sendable {
    let name: String
    let table: KernelTable

    var testDescription: String { name }

    /// Those that this processor can run.
    static var available: [KernelModule] {
        var modules = [KernelModule(name: "baseline", table: TensorKernelsBaseline.VectorKernels.table())]
        #if canImport(TensorKernelsAVX512)
            if edge_supports_avx2() != 0 {
                modules.append(KernelModule(name: "avx2", table: TensorKernelsAVX2.VectorKernels.table()))
            }
            if edge_supports_avx512() != 0 {
                modules.append(KernelModule(name: "avx512", table: TensorKernelsAVX512.VectorKernels.table()))
            }
        #endif
        return modules
    }
}

extension SeededGenerator {
    mutating func floats(_ count: Int, in range: ClosedRange<Float> = -1...1) -> [Float] {
        (0..<count).map { _ in Float.random(in: range, using: &self) }
    }
}

/// Floats at a 64-byte boundary, with the slack behind them that kernels may read. The slack holds NaN, so that a
/// kernel that uses what it may only load is found out.
final class AlignedFloats {
    let pointer: UnsafeMutablePointer<Float>
    let count: Int
    private let memory: UnsafeMutableRawPointer

    init(_ values: [Float]) {
        count = values.count
        let slack = KernelLayout.slackBytes / 4
        memory = .allocate(byteCount: 4 * (values.count + slack), alignment: 64)
        pointer = memory.bindMemory(to: Float.self, capacity: values.count + slack)
        pointer.initialize(from: values, count: values.count)
        (pointer + values.count).initialize(repeating: .nan, count: slack)
    }

    convenience init(count: Int, repeating value: Float = .nan) {
        self.init([Float](repeating: value, count: count))
    }

    deinit { memory.deallocate() }

    var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }
    var isSlackUntouched: Bool {
        (0..<KernelLayout.slackBytes / 4).allSatisfy { pointer[count + $0].isNaN }
    }
}

/// The largest difference, relative to numbers above 1 and absolute below; infinite where only one of two is NaN.
func largestError(_ found: [Float], _ expected: [Double]) -> Double {
    precondition(found.count == expected.count)
    return zip(found, expected).map { pair -> Double in
        let (one, other) = (Double(pair.0), pair.1)
        if one == other || (one.isNaN && other.isNaN) { return 0 }
        let error = abs(one - other) / max(1, abs(other))
        return error.isNaN ? .infinity : error
    }.max() ?? 0
}

/// A row-major matrix in panels of 16 columns, with biases' padding alike.
func packed(_ matrix: [Float], rows: Int, columns: Int) -> [Float] {
    let source = AlignedFloats(matrix)
    let target = AlignedFloats(count: (columns + 15) / 16 * 16 * rows)
    Movement.packPanels(
        source.pointer, rows: rows, columns: columns, rowStride: columns, columnStride: 1, to: target.pointer)
    return target.values
}

func paddedToVector(_ values: [Float]) -> [Float] {
    values + [Float](repeating: 0, count: (16 - values.count % 16) % 16)
}
