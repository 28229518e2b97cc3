/// Four floats: the vector that SSE2, NEON and plain C compilers all have.
typealias Lanes = SIMD4<Float>
/// The same bits as whole numbers.
typealias LaneBits = SIMD4<Int32>

/// The register block of the matrix kernel: 6 rows × 2 vectors leave 4 of 16 registers for operands.
enum Block {
    @inline(__always) static var rows: Int { 6 }
    /// Rows where there is one vector of columns.
    @inline(__always) static var singleRows: Int { 8 }
    @inline(__always) static var lanes: Int { 4 }
}

/// Tiles of ``Block``'s rows.
typealias FullTile = TileKernel<6>
typealias FullSingleTile = TileKernel<8>

/// `sum + a·b`. Without a fused instruction `addingProduct` would call the C library for each lane.
@_transparent
func multiplyAdd(_ sum: Lanes, _ a: Lanes, _ b: Lanes) -> Lanes {
    sum + a * b
}
