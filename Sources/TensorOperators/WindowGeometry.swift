import ModelImage
import OperatorInterface

/// Windows that slide over the spatial axes of a channels-first tensor `[batch, channels, space…]`.
///
/// As attribute words: the number of spatial axes, then for each the kernel, then the strides, the dilations, the
/// pads before and the pads after. Window `o` and kernel element `k` are at place `o·stride + k·dilation − before`.
struct WindowGeometry {
    /// Spatial axes, 1...5.
    let rank: Int
    /// Kernel elements.
    private(set) var taps = 1
    /// Windows of a channel.
    private(set) var windows = 1
    /// Elements of a channel.
    private(set) var elements = 1
    /// Extents of the tensor that windows slide over, and how many windows there are along each axis.
    private var extents = InlineArray<6, Int>(repeating: 1)
    private var counts = InlineArray<6, Int>(repeating: 1)
    private var kernel = InlineArray<6, Int>(repeating: 1)
    private var strides = InlineArray<6, Int>(repeating: 1)
    private var dilations = InlineArray<6, Int>(repeating: 1)
    private var before = InlineArray<6, Int>(repeating: 0)
    private var after = InlineArray<6, Int>(repeating: 0)

    /// Reads the words from `first` on; `space` are the extents, `windows` how many windows there are along each axis.
    init(_ context: OperatorContext, word first: Int, space: Shape, counts shape: Shape) throws(ImageError) {
        rank = try context.word(first, in: 1...5)
        try context.require(
            space.rank == rank + 2 && shape.rank == rank + 2, "the operands have other spatial axes than the window")
        for axis in 0..<rank {
            extents[axis] = space[axis + 2]
            counts[axis] = shape[axis + 2]
            kernel[axis] = try context.word(first + 1 + axis, in: 1...ImageLimits.elements)
            strides[axis] = try context.word(first + 1 + rank + axis, in: 1...ImageLimits.elements)
            dilations[axis] = try context.word(first + 1 + 2 * rank + axis, in: 1...ImageLimits.elements)
            before[axis] = try context.word(first + 1 + 3 * rank + axis, in: 0...ImageLimits.elements)
            after[axis] = try context.word(first + 1 + 4 * rank + axis, in: 0...ImageLimits.elements)
            // Places must fit the 32-bit integers of a small processor.
            let reach = Int64(counts[axis]) * Int64(strides[axis]) + Int64(kernel[axis]) * Int64(dilations[axis])
            try context.require(reach < 1 << 30, .badAttribute, "a window reaches too far")
            try context.require(
                kernel[axis] <= ImageLimits.elements / taps, .badAttribute, "the window is too large")
            taps *= kernel[axis]
            windows *= counts[axis]
            elements *= extents[axis]
        }
    }

    /// How many elements a window sees, or how many places, padding included.
    func count(of window: Int, withPadding: Bool) -> Int {
        var rest = window
        var axis = rank - 1
        var product = 1
        while axis >= 0 {
            let index = rest % counts[axis]
            rest /= counts[axis]
            let places = withPadding ? -before[axis]..<extents[axis] + after[axis] : 0..<extents[axis]
            product *= taps(seeing: places, index, axis).count
            axis -= 1
        }
        return product
    }

    /// The kernel elements along an axis that window `index` sees one of `places` through.
    @inline(__always)
    private func taps(seeing places: Range<Int>, _ index: Int, _ axis: Int) -> Range<Int> {
        let start = index * strides[axis] - before[axis]
        guard start < places.upperBound else { return 0..<0 }
        let dilation = dilations[axis]
        let first = start >= places.lowerBound ? 0 : (places.lowerBound - start + dilation - 1) / dilation
        let end = min(kernel[axis], (places.upperBound - start + dilation - 1) / dilation)
        return first..<max(first, end)
    }

    /// Calls `body` with the place of each element that a window sees, in the kernel's order. What it costs depends on
    /// the elements alone, however large the kernel is.
    @inline(__always)
    func forEachElement(in window: Int, _ body: (Int) -> Void) {
        var starts = InlineArray<6, Int>(repeating: 0)
        var seen = InlineArray<6, Int>(repeating: 1)
        var rest = window
        var lines = 1
        var axis = rank - 1
        while axis >= 0 {
            let index = rest % counts[axis]
            rest /= counts[axis]
            let taps = taps(seeing: 0..<extents[axis], index, axis)
            starts[axis] = index * strides[axis] - before[axis] + taps.lowerBound * dilations[axis]
            seen[axis] = taps.count
            if axis < rank - 1 { lines *= taps.count }
            axis -= 1
        }
        let (row, step) = (seen[rank - 1], dilations[rank - 1])
        for line in 0..<lines {
            let start = rowStart(line, starts, seen)
            for index in 0..<row { body(start + index * step) }
        }
    }

    /// The place of the first element that line `line` of a window sees.
    @inline(__always)
    private func rowStart(
        _ line: Int, _ starts: borrowing InlineArray<6, Int>, _ seen: borrowing InlineArray<6, Int>
    ) -> Int {
        var rest = line
        var axis = rank - 2
        var place = starts[rank - 1]
        var step = extents[rank - 1]
        while axis >= 0 {
            place += (starts[axis] + rest % seen[axis] * dilations[axis]) * step
            rest /= seen[axis]
            step *= extents[axis]
            axis -= 1
        }
        return place
    }

    /// Calls `body` for each window that a tap of the kernel sees an element through, with the window and the
    /// element's place.
    @inline(__always)
    func forEachWindow(under tap: Int, _ body: (Int, Int) -> Void) {
        var offsets = InlineArray<6, Int>(repeating: 0)
        var rest = tap
        var axis = rank - 1
        while axis >= 0 {
            offsets[axis] = rest % kernel[axis] * dilations[axis] - before[axis]
            rest /= kernel[axis]
            axis -= 1
        }
        let (last, row) = (rank - 1, counts[rank - 1])
        for line in 0..<(row == 0 ? 0 : windows / row) {
            guard let start = rowStart(line, offsets) else { continue }
            // The windows of a row whose element is inside.
            for index in 0..<row {
                let position = index * strides[last] + offsets[last]
                if position >= 0, position < extents[last] { body(line * row + index, start + position) }
            }
        }
    }

    /// The place of the first element of the row that line `line` of windows sees; nil when it is padding.
    @inline(__always)
    private func rowStart(_ line: Int, _ offsets: borrowing InlineArray<6, Int>) -> Int? {
        var rest = line
        var axis = rank - 2
        var place = 0
        var step = extents[rank - 1]
        while axis >= 0 {
            let position = rest % counts[axis] * strides[axis] + offsets[axis]
            rest /= counts[axis]
            guard position >= 0, position < extents[axis] else { return nil }
            place += position * step
            step *= extents[axis]
            axis -= 1
        }
        return place
    }

    /// An element's place in a channel when the first spatial axis is the one whose neighbours are adjacent.
    func columnMajor(_ place: Int) -> Int {
        var rest = place
        var axis = rank - 1
        var result = 0
        while axis >= 0 {
            var step = 1
            for inner in 0..<axis { step *= extents[inner] }
            result += rest % extents[axis] * step
            rest /= extents[axis]
            axis -= 1
        }
        return result
    }
}
