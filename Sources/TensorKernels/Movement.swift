/// Kernels that move elements of any type without looking at them. They are bound by memory, so one version serves
/// every instruction set.
public enum Movement {
    /// Copies elements in the order that `loops` walks the source to consecutive places of the result: transposition
    /// and slicing. Steps may be negative; `source` is the element that the walk begins at.
    ///
    /// - Parameter elementSize: Bytes of an element: 1, 2, 4 or 8.
    public static func gather(
        _ loops: LoopNest, from source: UnsafeRawPointer, to result: UnsafeMutableRawPointer, elementSize: Int
    ) {
        switch elementSize {
        case 1: gather(loops, from: source, to: result, as: UInt8.self)
        case 2: gather(loops, from: source, to: result, as: UInt16.self)
        case 4: gather(loops, from: source, to: result, as: UInt32.self)
        default: gather(loops, from: source, to: result, as: UInt64.self)
        }
    }

    @inline(__always)
    private static func gather<Element: BitwiseCopyable>(
        _ loops: LoopNest, from source: UnsafeRawPointer, to result: UnsafeMutableRawPointer, as type: Element.Type
    ) {
        let (outer, size, step, _) = loops.splittingInnermost()
        let elements = source.assumingMemoryBound(to: type)
        var target = result.assumingMemoryBound(to: type)
        let (planes, rows, rowStep, _) = outer.splittingInnermost()
        if step != 1, rowStep == 1, rows > 1 {
            var position = LoopPosition()
            for _ in 0..<planes.count {
                transpose(elements + position.first, rows: rows, columns: size, step: step, to: target)
                target += rows * size
                position.advance(in: planes)
            }
            return
        }
        var position = LoopPosition()
        for _ in 0..<outer.count {
            let row = elements + position.first
            if step == 1 {
                UnsafeMutableRawPointer(target).copyMemory(from: row, byteCount: size * MemoryLayout<Element>.stride)
            } else {
                for index in 0..<size { target[index] = row[index * step] }
            }
            target += size
            position.advance(in: outer)
        }
    }

    /// Copies `rows` runs of `rowBytes` bytes between rows of different lengths: one input of a concatenation.
    public static func copyRows(
        _ rows: Int, rowBytes: Int, from source: UnsafeRawPointer, sourceStride: Int,
        to result: UnsafeMutableRawPointer, resultStride: Int
    ) {
        for row in 0..<rows {
            (result + row * resultStride).copyMemory(from: source + row * sourceStride, byteCount: rowBytes)
        }
    }

    /// The index of the largest (or `smallest`) element of each line of `[outer, size, inner]`, as int64; of equal
    /// ones the first, or the `last`. A NaN is never chosen over a number.
    public static func argMax(
        _ input: UnsafePointer<Float>, to result: UnsafeMutablePointer<Int64>, outer: Int, size: Int, inner: Int,
        smallest: Bool, last: Bool
    ) {
        let sign: Float = smallest ? -1 : 1
        for line in 0..<outer * inner {
            let start = input + line / inner * size * inner + line % inner
            var best = -Float.infinity
            var index = 0
            for candidate in 0..<size {
                let value = sign * start[candidate * inner]
                if value > best || (last && value == best) {
                    best = value
                    index = candidate
                }
            }
            result[line] = Int64(index)
        }
    }

    /// Packs a dense matrix into panels: see `ModelImage.PanelLayout`.
    ///
    /// - Parameters:
    ///   - rowStride: Elements from one of the matrix's rows to the next.
    ///   - columnStride: Elements from one column to the next; 1, or more for a transposed matrix.
    public static func packPanels(
        _ matrix: UnsafePointer<Float>, rows: Int, columns: Int, rowStride: Int, columnStride: Int,
        to panels: UnsafeMutablePointer<Float>
    ) {
        let width = KernelLayout.panelWidth
        var target = panels
        var column = 0
        while column < columns {
            let valid = min(width, columns - column)
            let source = matrix + column * columnStride
            if valid == width, columnStride == 1 {
                packPanel(source, rows: rows, rowStride: rowStride, to: target)
            } else {
                packPanel(
                    source, rows: rows, columns: valid, rowStride: rowStride, columnStride: columnStride, to: target)
            }
            target += rows * width
            column += width
        }
    }

    /// A whole panel of rows that lie as they will in it.
    @inline(__always)
    private static func packPanel(
        _ source: UnsafePointer<Float>, rows: Int, rowStride: Int, to panel: UnsafeMutablePointer<Float>
    ) {
        for row in 0..<rows {
            let lanes = UnsafeRawPointer(source + row * rowStride).loadUnaligned(as: SIMD16<Float>.self)
            UnsafeMutableRawPointer(panel + row * KernelLayout.panelWidth)
                .storeBytes(of: lanes, as: SIMD16<Float>.self)
        }
    }

    /// Any panel: column by column through blocks of rows, so that a transposed matrix is read along its rows while the
    /// panel's block stays in the first-level cache.
    @inline(__always)
    private static func packPanel(
        _ source: UnsafePointer<Float>, rows: Int, columns: Int, rowStride: Int, columnStride: Int,
        to panel: UnsafeMutablePointer<Float>
    ) {
        let width = KernelLayout.panelWidth
        var first = 0
        while first < rows {
            let end = min(first + 64, rows)
            for lane in 0..<columns {
                let column = source + lane * columnStride
                for row in first..<end { panel[row * width + lane] = column[row * rowStride] }
            }
            for lane in columns..<max(columns, width) {
                for row in first..<end { panel[row * width + lane] = 0 }
            }
            first = end
        }
    }
}
