/// Transposing a matrix: what most permutations of axes come down to.
extension Movement {
    /// `target[row·columns + column] = source[column·step + row]`.
    ///
    /// Goes through blocks of rows and columns that are a cache line wide or so: what is read and written of a line stays
    /// in the first-level cache until the line is done, even if all lines are a power of two apart.
    @inline(__always)
    static func transpose<Element: BitwiseCopyable>(
        _ source: UnsafePointer<Element>, rows: Int, columns: Int, step: Int,
        to target: UnsafeMutablePointer<Element>
    ) {
        var row = 0
        while row < rows {
            let end = min(row + 64, rows)
            var column = 0
            while column < columns {
                var width = min(8, columns - column)
                if MemoryLayout<Element>.size == 4, width >= 4 {
                    width = width == 8 ? 8 : 4
                    transposeWords(
                        UnsafeRawPointer(source + column * step), rows: row..<end, width: width, columns: columns,
                        step: step, to: UnsafeMutableRawPointer(target + column))
                } else {
                    for place in row..<end {
                        for next in column..<column + width {
                            target[place * columns + next] = source[next * step + place]
                        }
                    }
                }
                column += width
            }
            row = end
        }
    }

    /// `width` columns, 4 or 8, of elements of four bytes: four rows by four columns at a time in registers.
    @inline(__always)
    private static func transposeWords(
        _ source: UnsafeRawPointer, rows: Range<Int>, width: Int, columns: Int, step: Int,
        to target: UnsafeMutableRawPointer
    ) {
        var row = rows.lowerBound
        while row + 4 <= rows.upperBound {
            transposeFour(source + 4 * row, columns: columns, step: step, to: target + 4 * row * columns)
            if width == 8 {
                transposeFour(
                    source + 4 * (row + 4 * step), columns: columns, step: step,
                    to: target + 4 * (row * columns + 4))
            }
            row += 4
        }
        while row < rows.upperBound {
            for column in 0..<width {
                let value = source.load(fromByteOffset: 4 * (row + column * step), as: UInt32.self)
                target.storeBytes(of: value, toByteOffset: 4 * (row * columns + column), as: UInt32.self)
            }
            row += 1
        }
    }

    @inline(__always)
    private static func transposeFour(
        _ source: UnsafeRawPointer, columns: Int, step: Int, to target: UnsafeMutableRawPointer
    ) {
        // Rows 0 and 2, and 1 and 3, of two columns each.
        let first = SIMD8(lowHalf: load(source, 0), highHalf: load(source, 2 * step))
        let second = SIMD8(lowHalf: load(source, step), highHalf: load(source, 3 * step))
        let (even, odd) = (first.evenHalf, first.oddHalf)
        let (otherEven, otherOdd) = (second.evenHalf, second.oddHalf)
        store(SIMD4(even[0], otherEven[0], even[2], otherEven[2]), target, 0)
        store(SIMD4(odd[0], otherOdd[0], odd[2], otherOdd[2]), target, columns)
        store(SIMD4(even[1], otherEven[1], even[3], otherEven[3]), target, 2 * columns)
        store(SIMD4(odd[1], otherOdd[1], odd[3], otherOdd[3]), target, 3 * columns)
    }

    @inline(__always)
    private static func load(_ source: UnsafeRawPointer, _ index: Int) -> SIMD4<UInt32> {
        (source + 4 * index).loadUnaligned(as: SIMD4<UInt32>.self)
    }

    @inline(__always)
    private static func store(_ values: SIMD4<UInt32>, _ target: UnsafeMutableRawPointer, _ index: Int) {
        (target + 4 * index).storeBytes(of: values, as: SIMD4<UInt32>.self)
    }
}
