import TensorKernels

/// The right side and the result of a product, from which tiles are cut.
///
/// A tile stores whole vectors. Past the last column they spill over the beginning of the next rows, which is
/// harmless as long as those are written afterwards: so tiles go from right to left, and rows from top to bottom. Where
/// a vector would leave the result, or the next elements belong to another group, the tile goes through a buffer.
struct TileColumns {
    var panels: UnsafePointer<Float>
    var bias: UnsafePointer<Float>?
    /// What is added to the result, at the same strides.
    var addend: UnsafePointer<Float>?
    var columns: Int
    var result: UnsafeMutablePointer<Float>
    var resultStride: Int
    /// Elements from `result` to its end.
    var resultCount: Int
    var walk: RunWalk
    var clamp: Clamp

    /// Columns of a tile of two vectors.
    @inline(__always)
    static var pair: Int { 2 * Block.lanes }

    /// The leftmost column of the last tile.
    @inline(__always)
    var last: Int { (columns - 1) / Self.pair * Self.pair }

    /// Rows of a whole tile from `column` on: a single vector takes more, so that as many sums are under way.
    @inline(__always)
    func tileRows(_ column: Int) -> Int { columns - column > Block.lanes ? Block.rows : Block.singleRows }

    /// Rows, from the first on, to which whole vectors from `column` on can be stored.
    @inline(__always)
    func storableRows(column: Int) -> Int {
        let width = min(columns - column, Self.pair)
        if width == Self.pair || width == Block.lanes { return .max }
        guard resultStride == columns else { return 0 }
        let stored = width > Block.lanes ? Self.pair : Block.lanes
        return (resultCount - column - stored + resultStride) / resultStride
    }

    /// The tile of the columns from `column` on and the rows from `row` on, and whether it has two vectors.
    @inline(__always)
    func tile(column: Int, row: Int) -> (tile: GemmTile, isPair: Bool) {
        let isPair = columns - column > Block.lanes
        let second = isPair ? column + Block.lanes : column
        let tile = GemmTile(
            walk: walk, first: panelColumn(column), second: panelColumn(second), firstBias: biasLanes(column),
            secondBias: biasLanes(second), addend: addend.map { $0 + row * resultStride + column },
            result: result + row * resultStride + column, resultStride: resultStride, clamp: clamp)
        return (tile, isPair)
    }

    /// The tile of the columns from `column` on and `rows` rows from `row` on, of which `valid` are stored.
    ///
    /// - Parameter run: Computes a tile; called with true when it has two vectors.
    @inline(__always)
    func tile(column: Int, row: Int, rows: Int, valid: Int, _ run: (GemmTile, Bool) -> Void) {
        var (tile, isPair) = tile(column: column, row: row)
        if valid == rows, row + rows <= storableRows(column: column) {
            run(tile, isPair)
            return
        }
        let width = min(columns - column, Self.pair)
        let target = tile.result
        var buffer = InlineArray<24, Lanes>(repeating: Lanes(repeating: 0))
        withUnsafeMutablePointer(to: &buffer) { address in
            let block = UnsafeMutableRawPointer(address).assumingMemoryBound(to: Float.self)
            if let addend = tile.addend {
                for line in 0..<valid {
                    for lane in 0..<width { block[line * Self.pair + lane] = addend[line * resultStride + lane] }
                }
                tile.addend = UnsafePointer(block)
            }
            tile.result = block
            tile.resultStride = Self.pair
            run(tile, isPair)
            for line in 0..<valid {
                for lane in 0..<width { target[line * resultStride + lane] = block[line * Self.pair + lane] }
            }
        }
    }

    /// Where row 0 of `column`, a multiple of the lanes, begins in the panels.
    @inline(__always)
    private func panelColumn(_ column: Int) -> UnsafePointer<Float> {
        let width = KernelLayout.panelWidth
        return panels + column / width * width * walk.count + column % width
    }

    /// The biases of the vector that begins at `column`. Reads no bias past the last column: a group's biases may be
    /// the last bytes of the image.
    @inline(__always)
    private func biasLanes(_ column: Int) -> Lanes {
        guard let bias else { return Lanes(repeating: 0) }
        return loadUpTo(bias + column, columns - column)
    }
}
