import ModelImage
import OperatorInterface
import TensorKernels

/// Operators that pick elements by their size.
enum SelectionOperators {
    static var all: [PortableOperator] {
        [PortableOperator(.topK, topK), PortableOperator(.nonMaximumSuppression, nonMaximumSuppression)]
    }

    /// `x[outer…, extent, inner…] → values[outer…, k, inner…], indices (int64)`, sorted; of equal elements the first
    /// comes first. Words: the axis, 1 for the smallest. Scratch: 4·k bytes.
    @Sendable static func topK(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 1...1, outputs: 2...2)
        let x = try context.input(0)
        let values = try context.output(0, x.elementType)
        let indices = try context.output(1, .int64)
        let axis = try context.axis(0, rank: x.shape.rank)
        try context.require(
            values.shape == indices.shape && values.shape.rank == x.shape.rank, "the outputs have other axes")
        let (extent, kept) = (x.shape[axis], values.shape[axis])
        try context.require(kept <= extent, "more elements are wanted than there are")
        let lines = x.shape.product(0..<axis) * x.shape.stride(axis)
        try context.require(values.count, isProductOf: [lines, kept], "the outputs do not hold what is picked")
        let order = try context.scratch(4 * kept).assumingMemoryBound(to: Int32.self)
        return try x.elementType.accept(
            TopK(
                x: x, values: values, indices: indices, extent: extent, kept: kept, inner: x.shape.stride(axis),
                smallest: try context.word(1) != 0, order: order))
    }

    private struct TopK: ElementVisitor {
        let x: TensorView
        let values: TensorView
        let indices: TensorView
        let extent: Int
        let kept: Int
        let inner: Int
        let smallest: Bool
        let order: UnsafeMutablePointer<Int32>

        func visit<E: Element>(_ type: E.Type) throws(ImageError) -> PreparedOperator {
            let (source, values, indices) = (x.elements(E.self), values.elements(E.self), indices.elements(Int64.self))
            let (extent, kept, inner, smallest, order) = (extent, kept, inner, smallest, order)
            let lines = kept == 0 || extent == 0 ? 0 : x.count / extent
            return {
                for line in 0..<lines {
                    let (block, column) = (line / inner, line % inner)
                    let start = source + block * extent * inner + column
                    Self.sort(start, extent, inner, smallest, into: order, kept)
                    for rank in 0..<kept {
                        let target = (block * kept + rank) * inner + column
                        values[target] = start[Int(order[rank]) * inner]
                        indices[target] = Int64(order[rank])
                    }
                }
            }
        }

        /// The first `kept` places of a line in order, by insertion: most elements are turned away at once.
        private static func sort<E: Element>(
            _ line: UnsafeMutablePointer<E>, _ extent: Int, _ step: Int, _ smallest: Bool,
            into order: UnsafeMutablePointer<Int32>, _ kept: Int
        ) {
            var count = 0
            for candidate in 0..<extent {
                let value = line[candidate * step].wide
                var place = count
                while place > 0 {
                    let held = line[Int(order[place - 1]) * step].wide
                    guard smallest ? E.Wide.less(value, held) : E.Wide.less(held, value) else { break }
                    if place < kept { order[place] = order[place - 1] }
                    place -= 1
                }
                if place < kept { order[place] = Int32(candidate) }
                count = min(count + 1, kept)
            }
        }
    }

    /// `boxes[B, N, 4] (float32), scores[B, C, N] (float32), overlap threshold (float32)?, score threshold (float32)? →
    /// picked[limit, 3] (int64), count (int64 scalar)`: rows of batch, class and box, best score first in each class.
    /// Words: 1 for boxes given by centre and size, the most boxes of a class. Scratch: N bytes.
    @Sendable static func nonMaximumSuppression(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 2...4, outputs: 2...2)
        let (boxes, scores) = (try context.input(0, .float32), try context.input(1, .float32))
        let (picked, found) = (try context.output(0, .int64), try context.output(1, .int64))
        try context.require(
            boxes.shape.rank == 3 && scores.shape.rank == 3 && boxes.shape[2] == 4
                && boxes.shape[0] == scores.shape[0] && boxes.shape[1] == scores.shape[2],
            "boxes and scores do not fit each other")
        let isCentred = try context.word(0, in: 0...1) == 1
        let limit = min(try context.word(1, in: 0...ImageLimits.elements), boxes.shape[1])
        let (batches, classes, count) = (scores.shape[0], scores.shape[1], scores.shape[2])
        try context.require(
            picked.count, isProductOf: [3, batches, classes, limit], "the output does not hold all boxes")
        try context.require(found.count == 1, "the count is not one number")
        let thresholds = try (threshold(context, 2), threshold(context, 3))
        let alive = try context.scratch(count).assumingMemoryBound(to: Bool.self)
        let (corners, values) = (boxes.elements(Float.self), scores.elements(Float.self))
        let (rows, total) = (picked.elements(Int64.self), found.elements(Int64.self))
        return {
            var filled = 0
            for line in 0..<batches * classes {
                let candidates = Candidates(
                    boxes: corners + line / classes * count * 4, scores: values + line * count, count: count,
                    isCentred: isCentred, alive: alive)
                candidates.reset(above: thresholds.1?.pointee)
                for _ in 0..<limit {
                    guard let best = candidates.takeBest(overlap: thresholds.0?.pointee ?? 0) else { break }
                    rows[3 * filled] = Int64(line / classes)
                    rows[3 * filled + 1] = Int64(line % classes)
                    rows[3 * filled + 2] = Int64(best)
                    filled += 1
                }
            }
            for index in 3 * filled..<3 * batches * classes * limit { rows[index] = 0 }
            total[0] = Int64(filled)
        }
    }

    private static func threshold(
        _ context: OperatorContext, _ slot: Int
    ) throws(ImageError) -> UnsafeMutablePointer<Float>? {
        guard context.optionalInput(slot) != nil else { return nil }
        let input = try context.input(slot, .float32)
        try context.require(input.count == 1, "a threshold is one number")
        return input.elements(Float.self)
    }
}

/// The boxes of one class that are still to choose from.
private struct Candidates {
    let boxes: UnsafeMutablePointer<Float>
    let scores: UnsafeMutablePointer<Float>
    let count: Int
    let isCentred: Bool
    let alive: UnsafeMutablePointer<Bool>

    /// Makes all boxes candidates whose score is above the threshold.
    func reset(above threshold: Float?) {
        for index in 0..<count { alive[index] = threshold.map { scores[index] > $0 } ?? true }
    }

    /// The candidate with the best score; it and those that overlap it more than `overlap` are candidates no longer.
    func takeBest(overlap: Float) -> Int? {
        var best: Int?
        for index in 0..<count where alive[index] {
            if let held = best, !(scores[index] > scores[held]) { continue }
            best = index
        }
        guard let best else { return nil }
        alive[best] = false
        for index in 0..<count where alive[index] && self.overlap(best, index) > overlap { alive[index] = false }
        return best
    }

    /// Intersection over union of two boxes.
    private func overlap(_ one: Int, _ other: Int) -> Float {
        let (a, b) = (corners(one), corners(other))
        let height = min(a.bottom, b.bottom) - max(a.top, b.top)
        let width = min(a.right, b.right) - max(a.left, b.left)
        guard height > 0, width > 0 else { return 0 }
        let both = height * width
        let union = (a.bottom - a.top) * (a.right - a.left) + (b.bottom - b.top) * (b.right - b.left) - both
        return union > 0 ? both / union : 0
    }

    private func corners(_ index: Int) -> (top: Float, left: Float, bottom: Float, right: Float) {
        let box = boxes + 4 * index
        if isCentred {
            // centre x, centre y, width, height
            return (box[1] - box[3] / 2, box[0] - box[2] / 2, box[1] + box[3] / 2, box[0] + box[2] / 2)
        }
        return (min(box[0], box[2]), min(box[1], box[3]), max(box[0], box[2]), max(box[1], box[3]))
    }
}
