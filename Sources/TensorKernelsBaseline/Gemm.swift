import TensorKernels

/// Matrix products with packed weights: tiles of ``Block/rows`` rows by two vectors of columns; what is left over at
/// the bottom goes to smaller tiles.
@inline(never)
func gemm(_ arguments: GemmArguments) {
    var row = 0
    while row < arguments.rows {
        let left = arguments.rows - row
        let size = tileRows(left: left, isFirst: row == 0)
        // A tile that does not fit is moved up over rows that are done: computing a few again is cheaper than
        // walking all weights for small tiles.
        let start = min(row, arguments.rows - size)
        if size == 1 {
            gemmRow(arguments, row: start)
        } else {
            gemmRows(arguments, row: start, size: size)
        }
        row = start + size
    }
}

/// How many rows the next tile takes.
@inline(__always)
private func tileRows(left: Int, isFirst: Bool) -> Int {
    if left >= Block.rows || (!isFirst && left > Block.rows / 2) { return Block.rows }
    if left >= 6 { return 6 }
    if left >= 4 { return 4 }
    return left >= 2 ? 2 : 1
}

/// One band of rows by all columns.
@inline(__always)
private func gemmRows(_ arguments: GemmArguments, row: Int, size: Int) {
    let pairColumns = 2 * Block.lanes
    var column = 0
    while column < arguments.columns {
        let columns = min(arguments.columns - column, pairColumns)
        let isPair = columns > Block.lanes
        let second = isPair ? column + Block.lanes : column
        let tile = GemmTile(
            left: arguments.left + row * arguments.leftStride, leftStride: arguments.leftStride,
            first: arguments.panelColumn(column), second: arguments.panelColumn(second), inner: arguments.inner,
            firstBias: arguments.biasLanes(column), secondBias: arguments.biasLanes(second),
            result: arguments.result + row * arguments.resultStride + column, resultStride: arguments.resultStride,
            columns: columns, clamp: arguments.clamp)
        switch (size, isPair) {
        case (12, true): tile12(tile)
        case (12, false): tile12Single(tile)
        case (6, true): tile6(tile)
        case (6, false): tile6Single(tile)
        case (4, true): tile4(tile)
        case (4, false): tile4Single(tile)
        case (_, true): tile2(tile)
        case (_, false): tile2Single(tile)
        }
        column += pairColumns
    }
}

extension GemmArguments {
    /// Where row 0 of `column`, a multiple of the lanes, begins in the panels.
    @inline(__always)
    func panelColumn(_ column: Int) -> UnsafePointer<Float> {
        let width = KernelLayout.panelWidth
        return panels + column / width * width * inner + column % width
    }

    /// The biases of the vector that begins at `column`. Reads no bias past the last column: a group's biases may be
    /// the last bytes of the image.
    @inline(__always)
    func biasLanes(_ column: Int) -> Lanes {
        guard let bias else { return Lanes(repeating: 0) }
        return loadUpTo(bias + column, columns - column)
    }
}

@inline(never) private func tile12(_ tile: GemmTile) { TileKernel<12>.pair(tile) }
@inline(never) private func tile12Single(_ tile: GemmTile) { TileKernel<12>.single(tile) }
@inline(never) private func tile6(_ tile: GemmTile) { TileKernel<6>.pair(tile) }
@inline(never) private func tile6Single(_ tile: GemmTile) { TileKernel<6>.single(tile) }
@inline(never) private func tile4(_ tile: GemmTile) { TileKernel<4>.pair(tile) }
@inline(never) private func tile4Single(_ tile: GemmTile) { TileKernel<4>.single(tile) }
@inline(never) private func tile2(_ tile: GemmTile) { TileKernel<2>.pair(tile) }
@inline(never) private func tile2Single(_ tile: GemmTile) { TileKernel<2>.single(tile) }
