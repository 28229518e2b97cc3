import CVectorSupport

/// Sixteen 32-bit numbers: one AVX-512 register.
typealias Sums = SIMD16<Int32>
/// The same register as pairs of 16-bit numbers.
typealias Pairs = SIMD32<Int16>

/// The register block of the integer kernels: a panel of 16 columns is one vector; more rows than 8 would need more
/// addresses than there are registers for them.
enum IntegerBlock {
    @inline(__always) static var lanes: Int { 16 }
    typealias Large = IntegerTile<8, 1, 8>
    typealias Medium = IntegerTile<4, 1, 4>
    /// A panel is one vector here: there is nothing narrower.
    typealias Narrow = Large
}

/// Stores the low bytes of a whole panel row.
@_transparent
func storePanel(_ target: UnsafeMutableRawPointer, _ lanes: (Int) -> Sums) {
    vector_store_bytes(lanes(0), target)
}
