import TensorKernels

/// One tile of a matrix product: some rows of the left matrix by two vectors of columns.
struct GemmTile {
    var left: UnsafePointer<Float>
    var leftStride: Int
    /// Row 0 of the first and second vector of columns; further rows follow at the panel width.
    var first: UnsafePointer<Float>
    var second: UnsafePointer<Float>
    var inner: Int
    var firstBias: Lanes
    var secondBias: Lanes
    var result: UnsafeMutablePointer<Float>
    var resultStride: Int
    /// Columns to store, 1...2·lanes.
    var columns: Int
    var clamp: Clamp
}

/// The micro-kernel: all sums of a tile stay in registers while the inner dimension is walked once.
enum TileKernel<let rows: Int> {
    @inline(__always)
    static func pair(_ tile: GemmTile) {
        var firstSums = InlineArray<rows, Lanes>(repeating: tile.firstBias)
        var secondSums = InlineArray<rows, Lanes>(repeating: tile.secondBias)
        var first = tile.first
        var second = tile.second
        var left = tile.left
        for _ in 0..<tile.inner {
            let firstWeights = load(first)
            let secondWeights = load(second)
            for row in 0..<rows {
                let value = Lanes(repeating: left[row * tile.leftStride])
                firstSums[row] = multiplyAdd(firstSums[row], value, firstWeights)
                secondSums[row] = multiplyAdd(secondSums[row], value, secondWeights)
            }
            first += KernelLayout.panelWidth
            second += KernelLayout.panelWidth
            left += 1
        }
        let result = tile.result
        let bounds = LaneClamp(tile.clamp)
        let rest = tile.columns - Block.lanes
        if rest == Block.lanes {
            for row in 0..<rows {
                store(bounded(firstSums[row], bounds), result + row * tile.resultStride)
                store(bounded(secondSums[row], bounds), result + row * tile.resultStride + Block.lanes)
            }
        } else {
            for row in 0..<rows {
                store(bounded(firstSums[row], bounds), result + row * tile.resultStride)
                store(bounded(secondSums[row], bounds), result + row * tile.resultStride + Block.lanes, prefix: rest)
            }
        }
    }

    /// The same for one vector of columns.
    @inline(__always)
    static func single(_ tile: GemmTile) {
        var sums = InlineArray<rows, Lanes>(repeating: tile.firstBias)
        var first = tile.first
        var left = tile.left
        for _ in 0..<tile.inner {
            let weights = load(first)
            for row in 0..<rows {
                sums[row] = multiplyAdd(sums[row], Lanes(repeating: left[row * tile.leftStride]), weights)
            }
            first += KernelLayout.panelWidth
            left += 1
        }
        let result = tile.result
        let bounds = LaneClamp(tile.clamp)
        if tile.columns == Block.lanes {
            for row in 0..<rows { store(bounded(sums[row], bounds), result + row * tile.resultStride) }
        } else {
            for row in 0..<rows {
                store(bounded(sums[row], bounds), result + row * tile.resultStride, prefix: tile.columns)
            }
        }
    }
}
