import TensorKernels

/// Matrix products with packed weights. A block of left rows stays in the second-level cache, a panel of weights in the
/// first, while tiles of ``Block/rows`` rows by two vectors of columns are computed.
@inline(never)
func gemm(_ arguments: GemmArguments) {
    guard arguments.rows > 1 else { return gemmRow(arguments, row: 0) }
    let product = TileColumns(
        panels: arguments.panels, bias: arguments.bias, columns: arguments.columns, result: arguments.result,
        resultStride: arguments.resultStride,
        resultCount: (arguments.rows - 1) * arguments.resultStride + arguments.columns,
        walk: RunWalk(length: arguments.inner), clamp: arguments.clamp)
    let full = product.tileRows
    let block = max(2, blockElements / arguments.inner / full) * full
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
    var row = rows.lowerBound
    while row < rows.upperBound {
        let size = tileRows(left: rows.upperBound - row, of: arguments.rows, full: product.tileRows)
        // A tile that does not fit is moved up over rows that are done: computing a few again is cheaper than
        // walking all weights for small tiles.
        let start = min(row, arguments.rows - size)
        let left = arguments.left + start * arguments.leftStride
        product.tile(column: column, row: start, rows: size, valid: size) { tile, isPair in
            runStrided(tile, isPair, rows: size, left, arguments.leftStride)
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

@inline(__always)
private func runStrided(_ tile: GemmTile, _ isPair: Bool, rows: Int, _ left: UnsafePointer<Float>, _ stride: Int) {
    switch (rows, isPair) {
    case (4, true): tile4(tile, left, stride)
    case (4, false): tile4Single(tile, left, stride)
    case (2, true): tile2(tile, left, stride)
    case (2, false): tile2Single(tile, left, stride)
    case (Block.singleRows, false): tileFullSingle(tile, left, stride)
    case (_, false): tileSingle(tile, left, stride)
    case (_, true): tileFull(tile, left, stride)
    }
}

// Left rows at one distance. Each is a function of its own: the inliner gives up in a caller as large as several.

@inline(never) private func tileFull(_ tile: GemmTile, _ left: UnsafePointer<Float>, _ stride: Int) {
    FullTile.pair(tile) { left + $0 * stride }
}
@inline(never) private func tileFullSingle(_ tile: GemmTile, _ left: UnsafePointer<Float>, _ stride: Int) {
    FullSingleTile.single(tile) { left + $0 * stride }
}
@inline(never) private func tileSingle(_ tile: GemmTile, _ left: UnsafePointer<Float>, _ stride: Int) {
    FullTile.single(tile) { left + $0 * stride }
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
