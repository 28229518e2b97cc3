import CVectorSupport
import TensorKernels

/// One tile of an integer matrix product: the rows are pixels, the columns one panel of filters.
struct IntegerTileArguments {
    /// Runs of the widened input that one pixel reads, and the elements from one to the next.
    var runs: RunLayout
    /// The panel's weights, then those of the next panel.
    var weights: UnsafePointer<Int8>
    var bias: UnsafePointer<Int32>
    var multipliers: UnsafePointer<Float>
    /// Columns to store, 1...16.
    var columns: Int
    /// Bytes from one pixel's results to the next.
    var resultStride: Int
    var requantization: LaneRequantization
}

/// A pixel's inputs in the widened band: `outer × inner` runs of `pairs` pairs of elements.
struct RunLayout {
    var outer: Int
    var outerStep: Int
    var inner: Int
    var innerStep: Int
    var pairs: Int

    /// Pairs of weights in one column.
    @inline(__always) var totalPairs: Int { outer * inner * pairs }
}

/// Where the inputs of up to eight pixels begin.
typealias PixelInputs = InlineArray<8, UnsafePointer<Int16>>

/// The micro-kernel: `rows` pixels by `vectors` vectors of columns, whose sums (`slots` = rows · vectors) stay in
/// registers while the weights are walked once. Weights are widened when loaded; each pair of inputs is repeated in all
/// lanes.
enum IntegerTile<let rows: Int, let vectors: Int, let slots: Int> {
    /// - Parameter count: Pixels to store, 1...rows; the others repeat one of them.
    @inline(__always)
    static func run(
        _ tile: IntegerTileArguments, _ inputs: PixelInputs, count: Int, to result: UnsafeMutableRawPointer
    ) {
        var sums = InlineArray<slots, Sums>(repeating: Sums(repeating: 0))
        var weights = tile.weights
        for outer in 0..<tile.runs.outer {
            for inner in 0..<tile.runs.inner {
                let offset = outer * tile.runs.outerStep + inner * tile.runs.innerStep
                accumulate(&sums, inputs, offset, &weights, tile.runs.pairs)
            }
        }
        let factors = Factors(tile)
        for row in 0..<rows where row < count {
            let target = result + row * tile.resultStride
            if vectors * IntegerBlock.lanes == KernelLayout.panelWidth, tile.columns == KernelLayout.panelWidth {
                storePanel(target) { factors.stored(sums[row * vectors + $0], $0, tile.requantization) }
            } else {
                for vector in 0..<vectors {
                    let start = vector * IntegerBlock.lanes
                    let lanes = factors.stored(sums[row * vectors + vector], vector, tile.requantization)
                    if start < tile.columns { storeBytes(lanes, target + start, prefix: tile.columns - start) }
                }
            }
        }
    }

    @inline(__always)
    private static func accumulate(
        _ sums: inout InlineArray<slots, Sums>, _ inputs: PixelInputs, _ offset: Int,
        _ weights: inout UnsafePointer<Int8>, _ pairs: Int
    ) {
        for pair in 0..<pairs {
            for vector in 0..<vectors {
                let columns = vector_widen_signed(weights + vector * 2 * IntegerBlock.lanes)
                for row in 0..<rows {
                    let value = repeatedPair(inputs[row] + offset + 2 * pair)
                    sums[row * vectors + vector] &+= vector_dot(value, columns)
                }
            }
            weights += 2 * KernelLayout.panelWidth
        }
    }

    /// Bias and multiplier of each column; none is read past the last column.
    private struct Factors {
        var bias = InlineArray<vectors, Sums>(repeating: Sums(repeating: 0))
        var multipliers = InlineArray<vectors, SumFloats>(repeating: SumFloats(repeating: 0))

        @inline(__always)
        init(_ tile: IntegerTileArguments) {
            for vector in 0..<vectors {
                let start = vector * IntegerBlock.lanes
                guard start < tile.columns else { continue }
                bias[vector] = loadUpTo(tile.bias + start, tile.columns - start)
                multipliers[vector] = loadUpTo(tile.multipliers + start, tile.columns - start)
            }
        }

        @inline(__always)
        func stored(_ sums: Sums, _ vector: Int, _ requantization: LaneRequantization) -> Sums {
            requantization.stored(vector_float(sums &+ bias[vector]) * multipliers[vector])
        }
    }
}

/// One pair of 16-bit numbers in every 32-bit lane.
@_transparent
func repeatedPair(_ source: UnsafePointer<Int16>) -> Pairs {
    unsafeBitCast(
        Sums(repeating: UnsafeRawPointer(source).loadUnaligned(as: Int32.self)), to: Pairs.self)
}

/// The first `count` numbers, at most a vector, 0 in the other lanes.
@inline(__always)
func loadUpTo(_ source: UnsafePointer<Int32>, _ count: Int) -> Sums {
    if count >= IntegerBlock.lanes { return UnsafeRawPointer(source).loadUnaligned(as: Sums.self) }
    var lanes = Sums(repeating: 0)
    for lane in 0..<count { lanes[lane] = source[lane] }
    return lanes
}
