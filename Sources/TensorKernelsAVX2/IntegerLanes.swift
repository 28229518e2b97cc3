import CVectorSupport

/// Eight 32-bit numbers: one AVX2 register.
typealias Sums = SIMD8<Int32>
/// The same register as pairs of 16-bit numbers.
typealias Pairs = SIMD16<Int16>

/// The register block of the integer kernels: a panel of 16 columns is two vectors; 6 rows of them are 12 sums.
enum IntegerBlock {
    @inline(__always) static var lanes: Int { 8 }
    /// Sums of the largest tile.
    @inline(__always) static var sums: Int { 12 }
    typealias Large = IntegerTile<6, 2, 12>
    typealias Medium = IntegerTile<3, 2, 6>
    /// For the last panel when it has no more columns than one vector.
    typealias Narrow = IntegerTile<6, 1, 6>
}

/// The sums of a whole panel row on their way to bytes.
struct PanelResults {
    let first: VectorResults
    let second: VectorResults
    let requantization: LaneRequantization

    @_transparent
    init(_ bias: UnsafePointer<Int32>, _ factors: UnsafePointer<Float>, _ requantization: LaneRequantization) {
        first = VectorResults(bias, factors)
        second = VectorResults(bias + 8, factors + 8)
        self.requantization = requantization
    }

    @_transparent
    func store(_ sums: UnsafePointer<Sums>, _ target: UnsafeMutableRawPointer) {
        vector_store_byte_pairs(first.stored(sums[0], requantization), second.stored(sums[1], requantization), target)
    }
}
