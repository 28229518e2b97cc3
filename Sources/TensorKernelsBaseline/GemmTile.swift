import TensorKernels

/// How a tile walks along its left rows: ``outer`` times ``inner`` runs of ``length`` neighbouring elements. A row of a
/// matrix is one run; a convolution's window is a run per kernel row, or per tap.
struct RunWalk {
    var outer = 1
    var outerStep = 0
    var inner = 1
    var innerStep = 0
    var length: Int

    /// Elements in all runs.
    @inline(__always)
    var count: Int { outer * inner * length }
}

/// Where the left rows of a tile begin, when they do not lie at one distance: the windows of output pixels.
typealias RowStarts = InlineArray<12, UnsafePointer<Float>>

/// One tile of a matrix product: some left rows by two vectors of columns. Whole vectors are stored.
struct GemmTile {
    var walk: RunWalk
    /// Row 0 of the first and second vector of columns; further rows follow at the panel width.
    var first: UnsafePointer<Float>
    var second: UnsafePointer<Float>
    var firstBias: Lanes
    var secondBias: Lanes
    /// What is added to the sums, with the result's stride.
    var addend: UnsafePointer<Float>?
    var result: UnsafeMutablePointer<Float>
    var resultStride: Int
    var clamp: Clamp

    /// The tile `rows` rows below.
    @inline(__always)
    mutating func moveDown(_ rows: Int) {
        result += rows * resultStride
        if let addend { self.addend = addend + rows * resultStride }
    }
}

/// The micro-kernel: all sums of a tile stay in registers while the left rows are walked once.
enum TileKernel<let rows: Int> {
    /// - Parameter start: Where each left row begins.
    @inline(__always)
    static func pair(_ tile: GemmTile, _ start: (Int) -> UnsafePointer<Float>) {
        var firstSums = InlineArray<rows, Lanes>(repeating: tile.firstBias)
        var secondSums = InlineArray<rows, Lanes>(repeating: tile.secondBias)
        var first = tile.first
        var second = tile.second
        let walk = tile.walk
        for outer in 0..<walk.outer {
            for inner in 0..<walk.inner {
                let begin = outer * walk.outerStep + inner * walk.innerStep
                for place in begin..<begin + walk.length {
                    let firstWeights = load(first)
                    let secondWeights = load(second)
                    for row in 0..<rows {
                        let value = Lanes(repeating: start(row)[place])
                        firstSums[row] = multiplyAdd(firstSums[row], value, firstWeights)
                        secondSums[row] = multiplyAdd(secondSums[row], value, secondWeights)
                    }
                    first += KernelLayout.panelWidth
                    second += KernelLayout.panelWidth
                }
            }
        }
        if let addend = tile.addend {
            for row in 0..<rows {
                firstSums[row] += load(addend + row * tile.resultStride)
                secondSums[row] += load(addend + row * tile.resultStride + Block.lanes)
            }
        }
        let bounds = LaneClamp(tile.clamp)
        if tile.clamp.low > -.infinity {
            for row in 0..<rows {
                firstSums[row] = raised(firstSums[row], bounds)
                secondSums[row] = raised(secondSums[row], bounds)
            }
        }
        if tile.clamp.high < .infinity {
            for row in 0..<rows {
                firstSums[row] = lowered(firstSums[row], bounds)
                secondSums[row] = lowered(secondSums[row], bounds)
            }
        }
        for row in 0..<rows {
            store(firstSums[row], tile.result + row * tile.resultStride)
            store(secondSums[row], tile.result + row * tile.resultStride + Block.lanes)
        }
    }

    /// The same for one vector of columns.
    @inline(__always)
    static func single(_ tile: GemmTile, _ start: (Int) -> UnsafePointer<Float>) {
        var sums = InlineArray<rows, Lanes>(repeating: tile.firstBias)
        var first = tile.first
        let walk = tile.walk
        for outer in 0..<walk.outer {
            for inner in 0..<walk.inner {
                let begin = outer * walk.outerStep + inner * walk.innerStep
                for place in begin..<begin + walk.length {
                    let weights = load(first)
                    for row in 0..<rows {
                        sums[row] = multiplyAdd(sums[row], Lanes(repeating: start(row)[place]), weights)
                    }
                    first += KernelLayout.panelWidth
                }
            }
        }
        if let addend = tile.addend {
            for row in 0..<rows { sums[row] += load(addend + row * tile.resultStride) }
        }
        let bounds = LaneClamp(tile.clamp)
        for row in 0..<rows {
            store(lowered(raised(sums[row], bounds), bounds), tile.result + row * tile.resultStride)
        }
    }
}
