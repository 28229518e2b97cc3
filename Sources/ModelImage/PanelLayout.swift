/// The one layout of weights that every instruction set reads.
///
/// A matrix of `rows` × `columns` is cut into panels of ``width`` columns; the last panel is filled with zeros. A panel
/// holds its rows one after another, each row's ``width`` elements contiguous: element `(k, n)` is at
/// `((n / width)·rows + k)·width + n % width`. A kernel keeps one or more panels' columns in vector registers and
/// walks down the rows; 16 columns are one AVX-512 register, two of AVX2, four of NEON or SSE.
/// A tensor of rank 3 holds one such matrix per index of its first dimension.
public enum PanelLayout {
    /// Columns of a panel.
    public static let width = 16

    /// The elements that a packed matrix takes, with the zeros of its last panel.
    public static func elementCount(rows: Int, columns: Int) -> Int {
        (columns + width - 1) / width * width * rows
    }

    /// The elements that a packed tensor of rank 2 `[rows, columns]` or 3 `[matrices, rows, columns]` takes; nil for
    /// other ranks, or when they exceed ``ImageLimits/elements``.
    public static func elementCount(of shape: Shape) -> Int? {
        guard shape.rank == 2 || shape.rank == 3, shape.elementCount > 0 else { return nil }
        let columns = shape[shape.rank - 1]
        let panels = Int64((columns + width - 1) / width)
        let count = panels * Int64(width) * Int64(shape.elementCount / columns)
        return count <= Int64(ImageLimits.elements) ? Int(count) : nil
    }

    /// Packs a row-major matrix of `rows` × `columns` elements.
    public static func pack(_ matrix: [Float], rows: Int, columns: Int) -> [Float] {
        pack(rows: rows, columns: columns) { row, column in matrix[row * columns + column] }
    }

    /// Packs the matrix whose element (row, column) `element` gives.
    public static func pack(rows: Int, columns: Int, element: (Int, Int) -> Float) -> [Float] {
        var packed = [Float](repeating: 0, count: elementCount(rows: rows, columns: columns))
        for column in 0..<columns {
            let base = column / width * rows * width + column % width
            for row in 0..<rows {
                packed[base + row * width] = element(row, column)
            }
        }
        return packed
    }
}
