import CVectorSupport
import TensorKernels

/// One pixel (a dense layer of batch 1): no second row shares a loaded weight, so that several panels are summed at a
/// time, or the pairs of one panel by turns, to keep enough independent sums in flight.
@inline(never)
func integerRow(
    _ group: IntegerTileArguments, _ input: UnsafeRawPointer, panelBytes: Int, to result: UnsafeMutableRawPointer
) {
    var tile = group
    var target = result
    while tile.results.columns > 0 {
        let panels: Int
        if tile.results.columns > 3 * KernelLayout.panelWidth {
            IntegerRowKernel<4, 1>.run(tile, input, panelBytes, target)
            panels = 4
        } else if tile.results.columns > KernelLayout.panelWidth {
            IntegerRowKernel<2, 2>.run(tile, input, panelBytes, target)
            panels = 2
        } else {
            IntegerRowKernel<1, 4>.run(tile, input, panelBytes, target)
            panels = 1
        }
        tile.weights += panels * panelBytes
        tile.results.skip(panels * KernelLayout.panelWidth)
        target += panels * KernelLayout.panelWidth
    }
}

/// `panels` panels with `steps` separate sums each.
private enum IntegerRowKernel<let panels: Int, let steps: Int> {
    @inline(__always) static var vectors: Int { KernelLayout.panelWidth / IntegerBlock.lanes }

    @inline(__always)
    static func run(
        _ tile: IntegerTileArguments, _ input: UnsafeRawPointer, _ panelBytes: Int,
        _ result: UnsafeMutableRawPointer
    ) {
        var sums = InlineArray<16, Sums>(repeating: Sums(repeating: 0))
        var weights = tile.weights
        let columns = tile.results.columns
        // Panels past the last are read as the last one.
        let lastPanel = (columns - 1) / KernelLayout.panelWidth
        var offsets = InlineArray<panels, Int>(repeating: 0)
        for panel in 0..<panels { offsets[panel] = min(panel, lastPanel) * panelBytes }
        for outer in 0..<tile.runs.outer {
            for inner in 0..<tile.runs.inner {
                let start = input + 2 * (outer * tile.runs.outerStep + inner * tile.runs.innerStep)
                accumulate(&sums, start, weights, offsets, tile.runs.pairs)
                weights += tile.runs.pairs * 2 * KernelLayout.panelWidth
            }
        }
        for vector in 0..<panels * vectors {
            let start = vector * IntegerBlock.lanes
            guard start < columns else { break }
            var total = loadUpTo(tile.results.bias + start, columns - start)
            for step in 0..<steps { total &+= sums[vector * steps + step] }
            let factors = loadUpTo(tile.results.multipliers + start, columns - start)
            let stored = tile.results.requantization.stored(vector_float(total) * factors)
            storeBytes(stored, result + start, prefix: columns - start)
        }
    }

    @inline(__always)
    private static func accumulate(
        _ sums: inout InlineArray<16, Sums>, _ input: UnsafeRawPointer, _ weights: UnsafePointer<Int8>,
        _ offsets: InlineArray<panels, Int>, _ pairs: Int
    ) {
        var pair = 0
        while pair + steps <= pairs {
            for step in 0..<steps { add(&sums, input, weights, offsets, pair + step, step) }
            pair += steps
        }
        while pair < pairs {
            add(&sums, input, weights, offsets, pair, 0)
            pair += 1
        }
    }

    @inline(__always)
    private static func add(
        _ sums: inout InlineArray<16, Sums>, _ input: UnsafeRawPointer, _ weights: UnsafePointer<Int8>,
        _ offsets: InlineArray<panels, Int>, _ pair: Int, _ step: Int
    ) {
        let value = repeatedPair(input + 4 * pair)
        let place = weights + pair * 2 * KernelLayout.panelWidth
        for panel in 0..<panels {
            for vector in 0..<vectors {
                let columns = vector_widen_signed(place + offsets[panel] + vector * 2 * IntegerBlock.lanes)
                sums[(panel * vectors + vector) * steps + step] &+= vector_dot(value, columns)
            }
        }
    }
}
