import CVectorSupport

/// Four 32-bit numbers: one register of SSE2 and NEON.
typealias Sums = SIMD4<Int32>
/// The same register as pairs of 16-bit numbers.
typealias Pairs = SIMD8<Int16>

/// The register block of the integer kernels: a panel of 16 columns is four vectors; 2 rows of them are 8 sums.
enum IntegerBlock {
    @inline(__always) static var lanes: Int { 4 }
    typealias Large = IntegerTile<2, 4, 8>
    typealias Medium = IntegerTile<1, 4, 4>
    /// For the last panel when it has no more columns than one vector.
    typealias Narrow = IntegerTile<2, 1, 2>
}

/// Stores the low bytes of a whole panel row.
@_transparent
func storePanel(_ target: UnsafeMutableRawPointer, _ lanes: (Int) -> Sums) {
    vector_store_byte_pairs(lanes(0), lanes(1), target)
    vector_store_byte_pairs(lanes(2), lanes(3), target + 8)
}
