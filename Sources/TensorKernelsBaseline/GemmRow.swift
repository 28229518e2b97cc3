import TensorKernels

/// One row times packed weights. There is no second row to share a weight with, so many columns are summed at a time
/// to keep enough independent sums in flight; narrow matrices split the inner dimension instead.
///
/// How often it is split depends on the matrix alone, not on what is left of it: equal columns give equal sums wherever
/// they stand.
@inline(__always)
func gemmRow(_ arguments: GemmArguments, row: Int) {
    let steps = splits(arguments.columns)
    var column = 0
    while column < arguments.columns {
        let vectors = (arguments.columns - column + Block.lanes - 1) / Block.lanes
        column += rowBlock(arguments, row, column, vectors, steps) * Block.lanes
    }
}

/// Parts of the inner dimension that are summed apart.
@inline(__always)
private func splits(_ columns: Int) -> Int {
    switch (columns + Block.lanes - 1) / Block.lanes {
    case 8...: 1
    case 4...: 2
    case 2...: 4
    default: 8
    }
}

/// Sums as many vectors of columns as fit, and tells how many those were.
@inline(__always)
private func rowBlock(_ arguments: GemmArguments, _ row: Int, _ column: Int, _ vectors: Int, _ steps: Int) -> Int {
    switch (vectors, steps) {
    case (8..., 1):
        row8x1(arguments, row, column)
        return 8
    case (4..., 1):
        row4x1(arguments, row, column)
        return 4
    case (4..., 2):
        row4x2(arguments, row, column)
        return 4
    case (2..., 4):
        row2x4(arguments, row, column)
        return 2
    case (_, 1): row1x1(arguments, row, column)
    case (_, 2): row1x2(arguments, row, column)
    case (_, 4): row1x4(arguments, row, column)
    default: row1x8(arguments, row, column)
    }
    return 1
}

/// `vectors` vectors of columns, with `steps` separate sums each; `vectors·steps` is at most 8.
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

@inline(never) private func row8x1(_ arguments: GemmArguments, _ row: Int, _ column: Int) {
    RowKernel<8, 1>.run(arguments, row, column)
}
@inline(never) private func row4x1(_ arguments: GemmArguments, _ row: Int, _ column: Int) {
    RowKernel<4, 1>.run(arguments, row, column)
}
@inline(never) private func row1x1(_ arguments: GemmArguments, _ row: Int, _ column: Int) {
    RowKernel<1, 1>.run(arguments, row, column)
}
@inline(never) private func row4x2(_ arguments: GemmArguments, _ row: Int, _ column: Int) {
    RowKernel<4, 2>.run(arguments, row, column)
}
@inline(never) private func row1x2(_ arguments: GemmArguments, _ row: Int, _ column: Int) {
    RowKernel<1, 2>.run(arguments, row, column)
}
@inline(never) private func row2x4(_ arguments: GemmArguments, _ row: Int, _ column: Int) {
    RowKernel<2, 4>.run(arguments, row, column)
}
@inline(never) private func row1x4(_ arguments: GemmArguments, _ row: Int, _ column: Int) {
    RowKernel<1, 4>.run(arguments, row, column)
}
@inline(never) private func row1x8(_ arguments: GemmArguments, _ row: Int, _ column: Int) {
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
