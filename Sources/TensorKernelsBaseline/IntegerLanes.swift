import CVectorSupport

/// Four 32-bit numbers: one register of SSE2 and NEON.
typealias Sums = SIMD4<Int32>
/// The same register as pairs of 16-bit numbers.
typealias Pairs = SIMD8<Int16>

/// The register block of the integer kernels: a panel of 16 columns is four vectors; 2 rows of them are 8 sums.
enum IntegerBlock {
    @inline(__always) static var lanes: Int { 4 }
    /// Sums of the largest tile.
    @inline(__always) static var sums: Int { 12 }
    typealias Large = IntegerTile<2, 4, 8>
    typealias Medium = IntegerTile<1, 4, 4>
    /// For the last panel when it has no more columns than one vector.
    typealias Narrow = IntegerTile<2, 1, 2>
}

/// The sums of a whole panel row on their way to bytes.
struct PanelResults {
    let first: VectorResults
    let second: VectorResults
    let third: VectorResults
    let fourth: VectorResults
    let requantization: LaneRequantization

    @_transparent
    init(_ bias: UnsafePointer<Int32>, _ factors: UnsafePointer<Float>, _ requantization: LaneRequantization) {
        first = VectorResults(bias, factors)
        second = VectorResults(bias + 4, factors + 4)
        third = VectorResults(bias + 8, factors + 8)
        fourth = VectorResults(bias + 12, factors + 12)
        self.requantization = requantization
    }

    @_transparent
    func store(_ sums: UnsafePointer<Sums>, _ target: UnsafeMutableRawPointer) {
        vector_store_byte_pairs(first.stored(sums[0], requantization), second.stored(sums[1], requantization), target)
        vector_store_byte_pairs(
            third.stored(sums[2], requantization), fourth.stored(sums[3], requantization), target + 8)
    }
}
