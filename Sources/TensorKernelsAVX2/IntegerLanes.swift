import CVectorSupport

/// Eight 32-bit numbers: one AVX2 register.
typealias Sums = SIMD8<Int32>
/// The same register as pairs of 16-bit numbers.
typealias Pairs = SIMD16<Int16>

/// The register block of the integer kernels: a panel of 16 columns is two vectors; 6 rows of them are 12 sums.
enum IntegerBlock {
    @inline(__always) static var lanes: Int { 8 }
    typealias Large = IntegerTile<6, 2, 12>
    typealias Medium = IntegerTile<3, 2, 6>
    /// For the last panel when it has no more columns than one vector.
    typealias Narrow = IntegerTile<6, 1, 6>
}

/// Stores the low bytes of a whole panel row.
@_transparent
func storePanel(_ target: UnsafeMutableRawPointer, _ lanes: (Int) -> Sums) {
    vector_store_byte_pairs(lanes(0), lanes(1), target)
}
