import TensorKernels

/// Matrix products with packed weights. A block of left rows stays in the second-level cache, a panel of weights in the
/// first, while tiles of ``Block/rows`` rows by two vectors of columns are computed.
@inline(never)
func gemm(_ arguments: GemmArguments) {
    guard arguments.rows > 1 else { return gemmRow(arguments, row: 0) }
    let product = TileColumns(
        panels: arguments.panels, bias: arguments.bias, addend: arguments.addend, columns: arguments.columns,
        result: arguments.result,
        resultStride: arguments.resultStride,
        resultCount: (arguments.rows - 1) * arguments.resultStride + arguments.columns,
        walk: RunWalk(length: arguments.inner), clamp: arguments.clamp)
    // Whole tiles of either kind.
    let unit = Block.rows * Block.singleRows
    let block = max(1, blockElements / arguments.inner / unit) * unit
    var row = 0
    while row < arguments.rows {
        let end = min(row + block, arguments.rows)
        var column = product.last
        while column >= 0 {
            gemmColumns(arguments, product, column: column, rows: row..<end)
            column -= TileColumns.pair
        }
        row = end
    }
}

/// Elements of the left matrix in a block: 128 KB.
private let blockElements = 32_768

/// One pair of vectors of columns for a block of rows.
@inline(__always)
private func gemmColumns(_ arguments: GemmArguments, _ product: TileColumns, column: Int, rows: Range<Int>) {
    let full = product.tileRows(column)
    var row = rows.lowerBound
    let tiles = min(rows.count, product.storableRows(column: column) - row) / full
    if tiles > 0 {
        let (tile, isPair) = product.tile(column: column, row: row)
        let left = arguments.left + row * arguments.leftStride
        run(tile, isPair, rows: full, tiles: tiles, left, arguments.leftStride)
        row += tiles * full
    }
    while row < rows.upperBound {
        let size = tileRows(left: rows.upperBound - row, of: arguments.rows, full: full)
        // A tile that does not fit is moved up over rows that are done: computing a few again is cheaper than
        // walking all weights for small tiles.
        let start = min(row, arguments.rows - size)
        let left = arguments.left + start * arguments.leftStride
        product.tile(column: column, row: start, rows: size, valid: size) { tile, isPair in
            run(tile, isPair, rows: size, tiles: 1, left, arguments.leftStride)
        }
        row = start + size
    }
}

/// How many rows the next tile takes, of `left` rows that are left and `rows` in all; never more than `rows`.
@inline(__always)
private func tileRows(left: Int, of rows: Int, full: Int) -> Int {
    if rows >= full { return full }
    return left >= 4 ? 4 : 2
}

/// Runs `tiles` tiles of `rows` rows below each other.
@inline(__always)
private func run(
    _ tile: GemmTile, _ isPair: Bool, rows: Int, tiles: Int, _ left: UnsafePointer<Float>, _ stride: Int
) {
    switch (rows, isPair) {
    case (4, true): tile4(tile, left, stride)
    case (4, false): tile4Single(tile, left, stride)
    case (2, true): tile2(tile, left, stride)
    case (2, false): tile2Single(tile, left, stride)
    case (_, false): tilesFullSingle(tile, tiles, left, stride)
    case (_, true): tilesFull(tile, tiles, left, stride)
    }
}

// Left rows at one distance. Each is a function of its own: the inliner gives up in a caller as large as several.

@inline(never)
private func tilesFull(_ tile: GemmTile, _ tiles: Int, _ left: UnsafePointer<Float>, _ stride: Int) {
    var tile = tile
    for index in 0..<tiles {
        let start = left + index * Block.rows * stride
        FullTile.pair(tile) { start + $0 * stride }
        tile.moveDown(Block.rows)
    }
}

@inline(never)
private func tilesFullSingle(_ tile: GemmTile, _ tiles: Int, _ left: UnsafePointer<Float>, _ stride: Int) {
    var tile = tile
    for index in 0..<tiles {
        let start = left + index * Block.singleRows * stride
        FullSingleTile.single(tile) { start + $0 * stride }
        tile.moveDown(Block.singleRows)
    }
}

@inline(never) private func tile4(_ tile: GemmTile, _ left: UnsafePointer<Float>, _ stride: Int) {
    TileKernel<4>.pair(tile) { left + $0 * stride }
}
@inline(never) private func tile4Single(_ tile: GemmTile, _ left: UnsafePointer<Float>, _ stride: Int) {
    TileKernel<4>.single(tile) { left + $0 * stride }
}
@inline(never) private func tile2(_ tile: GemmTile, _ left: UnsafePointer<Float>, _ stride: Int) {
    TileKernel<2>.pair(tile) { left + $0 * stride }
}
@inline(never) private func tile2Single(_ tile: GemmTile, _ left: UnsafePointer<Float>, _ stride: Int) {
    TileKernel<2>.single(tile) { left + $0 * stride }
}
