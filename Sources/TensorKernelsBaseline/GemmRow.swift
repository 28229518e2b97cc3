import TensorKernels

/// One row times packed weights. There is no second row to share a weight with, so many columns are summed at a time
/// to keep enough independent sums in flight; narrow matrices split the inner dimension instead.
@inline(__always)
func gemmRow(_ arguments: GemmArguments, row: Int) {
    var column = 0
    while column < arguments.columns {
        let vectors = (arguments.columns - column + Block.lanes - 1) / Block.lanes
        let taken: Int
        switch vectors {
        case 8...:
            row8(arguments, row, column)
            taken = 8
        case 4...:
            row4(arguments, row, column)
            taken = 4
        case 2...:
            row2(arguments, row, column)
            taken = 2
        default:
            row1(arguments, row, column)
            taken = 1
        }
        column += taken * Block.lanes
    }
}

/// `vectors` vectors of columns, with `steps` separate sums each; `vectors·steps` is 8.
private enum RowKernel<let vectors: Int, let steps: Int> {
    @inline(__always)
    static func run(_ arguments: GemmArguments, _ row: Int, _ column: Int) {
        let width = KernelLayout.panelWidth
        let left = arguments.left + row * arguments.leftStride
        var sums = InlineArray<8, Lanes>(repeating: Lanes(repeating: 0))
        var weights = InlineArray<8, UnsafePointer<Float>>(repeating: arguments.panels)
        for vector in 0..<vectors { weights[vector] = arguments.panelColumn(column + vector * Block.lanes) }
        var inner = 0
        while inner + steps <= arguments.inner {
            for step in 0..<steps {
                let value = Lanes(repeating: left[inner + step])
                for vector in 0..<vectors {
                    let slot = vector * steps + step
                    sums[slot] = multiplyAdd(sums[slot], value, load(weights[vector] + (inner + step) * width))
                }
            }
            inner += steps
        }
        while inner < arguments.inner {
            let value = Lanes(repeating: left[inner])
            for vector in 0..<vectors {
                sums[vector * steps] = multiplyAdd(sums[vector * steps], value, load(weights[vector] + inner * width))
            }
            inner += 1
        }
        let bounds = LaneClamp(arguments.clamp)
        let result = arguments.result + row * arguments.resultStride
        for vector in 0..<vectors {
            let start = column + vector * Block.lanes
            var total = arguments.biasLanes(start) + arguments.addendLanes(row, start)
            for step in 0..<steps { total += sums[vector * steps + step] }
            store(bounded(total, bounds), result + start, prefix: arguments.columns - start)
        }
    }
}

@inline(never) private func row8(_ arguments: GemmArguments, _ row: Int, _ column: Int) {
    RowKernel<8, 1>.run(arguments, row, column)
}
@inline(never) private func row4(_ arguments: GemmArguments, _ row: Int, _ column: Int) {
    RowKernel<4, 2>.run(arguments, row, column)
}
@inline(never) private func row2(_ arguments: GemmArguments, _ row: Int, _ column: Int) {
    RowKernel<2, 4>.run(arguments, row, column)
}
@inline(never) private func row1(_ arguments: GemmArguments, _ row: Int, _ column: Int) {
    RowKernel<1, 8>.run(arguments, row, column)
}

extension GemmArguments {
    /// Where row 0 of `column`, a multiple of the lanes, begins in the panels.
    @inline(__always)
    fileprivate func panelColumn(_ column: Int) -> UnsafePointer<Float> {
        let width = KernelLayout.panelWidth
        return panels + column / width * width * inner + column % width
    }

    /// What is added to the row from `column` on; reads nothing past the last column.
    @inline(__always)
    fileprivate func addendLanes(_ row: Int, _ column: Int) -> Lanes {
        guard let addend else { return Lanes(repeating: 0) }
        return loadUpTo(addend + row * resultStride + column, columns - column)
    }

    /// The biases of the vector that begins at `column`; reads none past the last column.
    @inline(__always)
    fileprivate func biasLanes(_ column: Int) -> Lanes {
        guard let bias else { return Lanes(repeating: 0) }
        return loadUpTo(bias + column, columns - column)
    }
}
