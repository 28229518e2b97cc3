/// Sixteen floats: one AVX-512 register.
typealias Lanes = SIMD16<Float>
/// The same bits as whole numbers.
typealias LaneBits = SIMD16<Int32>

/// The register block of the matrix kernel: 12 rows × 2 vectors leave 8 of 32 registers for operands.
enum Block {
    @inline(__always) static var rows: Int { 12 }
    /// Rows where there is one vector of columns.
    @inline(__always) static var singleRows: Int { 12 }
    @inline(__always) static var lanes: Int { 16 }
}

/// Tiles of ``Block``'s rows.
typealias FullTile = TileKernel<12>
typealias FullSingleTile = TileKernel<12>

/// `sum + a·b` in one instruction. Compiles to it only with this module's `-march` flag.
@_transparent
func multiplyAdd(_ sum: Lanes, _ a: Lanes, _ b: Lanes) -> Lanes {
    sum.addingProduct(a, b)
}
