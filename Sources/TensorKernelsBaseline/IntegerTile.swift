import CVectorSupport
import TensorKernels

/// One tile of an integer matrix product: the rows are pixels, the columns one panel of filters.
struct IntegerTileArguments {
    /// Runs of the widened input that one pixel reads, and the elements from one to the next.
    var runs: RunLayout
    /// The panel's weights, then those of the next panel.
    var weights: UnsafePointer<Int8>
    var results: TileResults
}

/// What becomes of the sums of a tile.
struct TileResults {
    var bias: UnsafePointer<Int32>
    var multipliers: UnsafePointer<Float>
    /// Columns to store, 1...16.
    var columns: Int
    /// Bytes from one pixel's results to the next.
    var stride: Int
    var requantization: LaneRequantization
    /// Holds a tile's sums, row after row.
    var room: TileRoom

    /// The same for the columns from `count` on.
    @inline(__always)
    mutating func skip(_ count: Int) {
        bias += count
        multipliers += count
        columns -= count
    }
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

/// Room for a tile beside the registers: where its pixels' inputs begin (up to eight) and its sums (up to 12 vectors).
/// Both are written and read by numbers of one size, so that a load never waits for several stores.
struct TileRoom {
    let inputs: UnsafeMutablePointer<UnsafeRawPointer>
    let sums: UnsafeMutablePointer<Sums>
    /// One more vector, for what its user likes.
    var spare: UnsafeMutableRawPointer { UnsafeMutableRawPointer(sums + IntegerBlock.sums) }

    /// Calls `body` with room on the stack.
    @inline(__always)
    static func with(_ body: (TileRoom) -> Void) {
        withUnsafeTemporaryAllocation(of: Sums.self, capacity: IntegerBlock.sums + 1) { sums in
            withUnsafeTemporaryAllocation(of: UnsafeRawPointer.self, capacity: 8) { inputs in
                guard let sums = sums.baseAddress, let inputs = inputs.baseAddress else { return }
                body(TileRoom(inputs: inputs, sums: sums))
            }
        }
    }
}

/// The micro-kernel: `rows` pixels by `vectors` vectors of columns, whose sums (`slots` = rows · vectors) stay in
/// registers while the weights are walked once. Weights are widened when loaded; each pair of inputs is repeated in all
/// lanes.
enum IntegerTile<let rows: Int, let vectors: Int, let slots: Int> {
    /// - Parameter count: Pixels to store, 1...rows; the others repeat one of them.
    @inline(__always)
    static func run(_ tile: IntegerTileArguments, count: Int, to result: UnsafeMutableRawPointer) {
        let room = tile.results.room
        var sums = InlineArray<slots, Sums>(repeating: Sums(repeating: 0))
        var weights = tile.weights
        for outer in 0..<tile.runs.outer {
            for inner in 0..<tile.runs.inner {
                let offset = outer * tile.runs.outerStep + inner * tile.runs.innerStep
                for pair in 0..<tile.runs.pairs {
                    accumulate(&sums, room.inputs, 2 * offset + 4 * pair, weights)
                    weights += 2 * KernelLayout.panelWidth
                }
            }
        }
        for slot in 0..<slots { room.sums[slot] = sums[slot] }
        store(tile.results, vectors: vectors, rows: min(rows, count), to: result)
    }

    /// Adds the products of one pair of rows of the weights.
    @inline(__always)
    private static func accumulate(
        _ sums: inout InlineArray<slots, Sums>, _ inputs: UnsafePointer<UnsafeRawPointer>, _ offset: Int,
        _ weights: UnsafePointer<Int8>
    ) {
        var columns = InlineArray<vectors, Pairs>(repeating: Pairs(repeating: 0))
        for vector in 0..<vectors {
            columns[vector] = vector_widen_signed(weights + vector * 2 * IntegerBlock.lanes)
        }
        for row in 0..<rows {
            let value = repeatedPair(inputs[row] + offset)
            for vector in 0..<vectors { sums[row * vectors + vector] &+= vector_dot(value, columns[vector]) }
        }
    }
}

/// Sums become bytes. They come by way of memory: with an index that is not constant the tile's would live there
/// all the time.
@inline(never)
func store(_ tile: borrowing TileResults, vectors: Int, rows: Int, to result: UnsafeMutableRawPointer) {
    let columns = tile.columns
    var sums = UnsafePointer(tile.room.sums)
    var target = result
    if vectors * IntegerBlock.lanes == KernelLayout.panelWidth, columns >= KernelLayout.panelWidth {
        let results = PanelResults(tile.bias, tile.multipliers, tile.requantization)
        for _ in 0..<rows {
            results.store(sums, target)
            sums += vectors
            target += tile.stride
        }
        return
    }
    for vector in 0..<vectors where vector * IntegerBlock.lanes < columns {
        let start = vector * IntegerBlock.lanes
        storeVector(tile, sums + vector, rowStep: vectors, rows: rows, from: start, to: target + start)
    }
}

/// One vector of columns, or what is left of it.
@inline(__always)
private func storeVector(
    _ tile: borrowing TileResults, _ sums: UnsafePointer<Sums>, rowStep: Int, rows: Int, from start: Int,
    to result: UnsafeMutableRawPointer
) {
    let count = tile.columns - start
    let results = VectorResults(loadUpTo(tile.bias + start, count), loadUpTo(tile.multipliers + start, count))
    if count >= IntegerBlock.lanes {
        for row in 0..<rows {
            vector_store_bytes(results.stored(sums[row * rowStep], tile.requantization), result + row * tile.stride)
        }
    } else {
        for row in 0..<rows {
            let lanes = results.stored(sums[row * rowStep], tile.requantization)
            storeBytes(lanes, result + row * tile.stride, prefix: count)
        }
    }
}

/// The sums of one vector of columns on their way to bytes.
struct VectorResults {
    let bias: Sums
    let factors: SumFloats

    @_transparent
    init(_ bias: UnsafePointer<Int32>, _ factors: UnsafePointer<Float>) {
        self.bias = UnsafeRawPointer(bias).loadUnaligned(as: Sums.self)
        self.factors = UnsafeRawPointer(factors).loadUnaligned(as: SumFloats.self)
    }

    @_transparent
    init(_ bias: Sums, _ factors: SumFloats) {
        self.bias = bias
        self.factors = factors
    }

    @_transparent
    func stored(_ sums: Sums, _ requantization: LaneRequantization) -> Sums {
        requantization.stored(vector_float(sums &+ bias) * factors)
    }
}

/// One pair of 16-bit numbers in every 32-bit lane.
@_transparent
func repeatedPair(_ source: UnsafeRawPointer) -> Pairs {
    unsafeBitCast(Sums(repeating: source.loadUnaligned(as: Int32.self)), to: Pairs.self)
}

/// The first `count` numbers, at most a vector, 0 in the other lanes.
@inline(__always)
func loadUpTo(_ source: UnsafePointer<Int32>, _ count: Int) -> Sums {
    count >= IntegerBlock.lanes ? UnsafeRawPointer(source).loadUnaligned(as: Sums.self) : loadSome(source, count)
}

@inline(never)
private func loadSome(_ source: UnsafePointer<Int32>, _ count: Int) -> Sums {
    var lanes = Sums(repeating: 0)
    for lane in 0..<count { lanes[lane] = source[lane] }
    return lanes
}
