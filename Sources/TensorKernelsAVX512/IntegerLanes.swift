import CVectorSupport

/// Sixteen 32-bit numbers: one AVX-512 register.
typealias Sums = SIMD16<Int32>
/// The same register as pairs of 16-bit numbers.
typealias Pairs = SIMD32<Int16>

/// The register block of the integer kernels: a panel of 16 columns is one vector; more rows than 8 would need more
/// addresses than there are registers for them.
enum IntegerBlock {
    @inline(__always) static var lanes: Int { 16 }
    /// Sums of the largest tile.
    @inline(__always) static var sums: Int { 12 }
    typealias Large = IntegerTile<8, 1, 8>
    typealias Medium = IntegerTile<4, 1, 4>
    /// A panel is one vector here: there is nothing narrower.
    typealias Narrow = Large
}

/// The sums of a whole panel row on their way to bytes.
struct PanelResults {
    let first: VectorResults
    let requantization: LaneRequantization

    @_transparent
    init(_ bias: UnsafePointer<Int32>, _ factors: UnsafePointer<Float>, _ requantization: LaneRequantization) {
        first = VectorResults(bias, factors)
        self.requantization = requantization
    }

    @_transparent
    func store(_ sums: UnsafePointer<Sums>, _ target: UnsafeMutableRawPointer) {
        vector_store_bytes(first.stored(sums[0], requantization), target)
    }
}
