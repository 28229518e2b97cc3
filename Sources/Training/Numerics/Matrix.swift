/// The one matrix product that training needs, for a left side in any stride: so it serves x·W, xᵀ·g and g·Wᵀ alike.
enum Matrix {
    /// A left side: element (row, column) lies at `base[row * rowStride + column * columnStride]`.
    struct Left {
        var base: UnsafePointer<Float>
        var rowStride: Int
        var columnStride: Int

        /// Row-major with rows of `columns` values.
        static func rows(_ base: UnsafePointer<Float>, columns: Int) -> Left {
            Left(base: base, rowStride: columns, columnStride: 1)
        }

        /// The transpose of a row-major matrix with rows of `columns` values.
        static func transposed(_ base: UnsafePointer<Float>, columns: Int) -> Left {
            Left(base: base, rowStride: 1, columnStride: columns)
        }
    }

    /// `c = a · b`, or `c += a · b`; `b` [inner, columns] and `c` [rows, columns] are row-major.
    ///
    /// Blocks of 4 × 8 stay in registers while the inner index runs.
    static func multiply(
        _ a: Left, _ b: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>, rows: Int, inner: Int,
        columns: Int, accumulate: Bool = false
    ) {
        let wide = columns - columns % 8
        var row = 0
        while row + 4 <= rows {
            for column in stride(from: 0, to: wide, by: 8) {
                block4(a, b + column, c + row * columns + column, row, inner, columns, accumulate)
            }
            row += 4
        }
        while row < rows {
            for column in stride(from: 0, to: wide, by: 8) {
                block1(a, b + column, c + row * columns + column, row, inner, columns, accumulate)
            }
            row += 1
        }
        guard wide < columns else { return }
        for row in 0..<rows {
            for column in wide..<columns {
                var sum: Float = accumulate ? c[row * columns + column] : 0
                var left = a.base + row * a.rowStride
                for index in 0..<inner {
                    sum += left.pointee * b[index * columns + column]
                    left += a.columnStride
                }
                c[row * columns + column] = sum
            }
        }
    }

    /// The transpose of `a` [rows, columns], row-major.
    static func transpose(
        _ a: UnsafePointer<Float>, rows: Int, columns: Int, into b: UnsafeMutablePointer<Float>
    ) {
        for row in 0..<rows {
            for column in 0..<columns { b[column * rows + row] = a[row * columns + column] }
        }
    }

    @inline(__always)
    private static func load(_ pointer: UnsafePointer<Float>) -> SIMD8<Float> {
        UnsafeRawPointer(pointer).loadUnaligned(as: SIMD8<Float>.self)
    }

    @inline(__always)
    private static func store(_ value: SIMD8<Float>, _ pointer: UnsafeMutablePointer<Float>) {
        UnsafeMutableRawPointer(pointer).storeBytes(of: value, as: SIMD8<Float>.self)
    }

    @inline(__always)
    private static func block4(
        _ a: Left, _ b: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>, _ row: Int, _ inner: Int,
        _ columns: Int, _ accumulate: Bool
    ) {
        let step = a.rowStride
        var left = a.base + row * step
        var right = b
        var sum0 = accumulate ? load(c) : SIMD8<Float>(repeating: 0)
        var sum1 = accumulate ? load(c + columns) : SIMD8<Float>(repeating: 0)
        var sum2 = accumulate ? load(c + 2 * columns) : SIMD8<Float>(repeating: 0)
        var sum3 = accumulate ? load(c + 3 * columns) : SIMD8<Float>(repeating: 0)
        for _ in 0..<inner {
            let values = load(right)
            sum0 += values * left[0]
            sum1 += values * left[step]
            sum2 += values * left[2 * step]
            sum3 += values * left[3 * step]
            left += a.columnStride
            right += columns
        }
        store(sum0, c)
        store(sum1, c + columns)
        store(sum2, c + 2 * columns)
        store(sum3, c + 3 * columns)
    }

    @inline(__always)
    private static func block1(
        _ a: Left, _ b: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>, _ row: Int, _ inner: Int,
        _ columns: Int, _ accumulate: Bool
    ) {
        var left = a.base + row * a.rowStride
        var right = b
        var sum = accumulate ? load(c) : SIMD8<Float>(repeating: 0)
        for _ in 0..<inner {
            sum += load(right) * left.pointee
            left += a.columnStride
            right += columns
        }
        store(sum, c)
    }
}
