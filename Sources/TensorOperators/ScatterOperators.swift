import ModelImage
import OperatorInterface
import TensorKernels

/// Operators that write elements to the places which another operand names. Later updates of a place win, or are
/// combined with what is there.
enum ScatterOperators {
    static var all: [PortableOperator] {
        [PortableOperator(.scatterElements, scatterElements), PortableOperator(.scatterBlocks, scatterBlocks)]
    }

    /// `x, indices, updates → y` of x's shape; indices and updates have one shape. Words: the axis, the
    /// ``PairOperation`` that combines, or 0 to replace.
    @Sendable static func scatterElements(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        let (x, indices, updates, y) = try operands(context)
        let axis = try context.axis(0, rank: x.shape.rank)
        try context.require(updates.count == indices.count, "there is not an update for each index")
        let extent = x.shape[axis]
        let loops = try LoopNest.around(axis, of: x.shape, indices.shape, context)
        try context.require(extent > 0 || indices.count == 0, "indices point into an empty axis")
        for position in 0..<indices.count { try indices.require(position, inside: extent, context) }
        return try x.elementType.accept(
            ScatterElements(
                x: x, indices: indices, updates: updates, y: y, extent: extent, step: x.shape.stride(axis),
                loops: loops, reduction: try reduction(context, word: 1)))
    }

    private struct ScatterElements: ElementVisitor {
        let x: TensorView
        let indices: IndexView
        let updates: TensorView
        let y: TensorView
        let extent: Int
        let step: Int
        let loops: LoopNest
        let reduction: PairOperation?

        func visit<E: Element>(_ type: E.Type) throws(ImageError) -> PreparedOperator {
            let (source, target, news) = (x.address, y.elements(E.self), updates.elements(E.self))
            let (indices, extent, step, loops) = (indices, extent, step, loops)
            let (bytes, count, reduction) = (y.byteCount, indices.count, reduction)
            return {
                UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: bytes)
                var line = LoopPosition()
                for index in 0..<count {
                    let place = line.first + indices.place(index, in: extent) * step
                    target[place] = target[place].updated(with: news[index], reduction)
                    line.advance(in: loops)
                }
            }
        }
    }

    /// `x, indices[n…, depth], updates[n…, inner…] → y` of x's shape: ONNX's ScatterND. Words: the
    /// ``PairOperation`` that combines, or 0 to replace.
    @Sendable static func scatterBlocks(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        let (x, indices, updates, y) = try operands(context)
        let places = try BlockPlaces(context, indices, target: x.shape, batchAxes: 0)
        try context.require(
            updates.count, isProductOf: [places.count, places.inner], "there is not an update for each index")
        return try x.elementType.accept(
            ScatterBlocks(x: x, places: places, updates: updates, y: y, reduction: try reduction(context, word: 0)))
    }

    private struct ScatterBlocks: ElementVisitor {
        let x: TensorView
        let places: BlockPlaces
        let updates: TensorView
        let y: TensorView
        let reduction: PairOperation?

        func visit<E: Element>(_ type: E.Type) throws(ImageError) -> PreparedOperator {
            let (source, target, news) = (x.address, y.elements(E.self), updates.elements(E.self))
            let (places, bytes, reduction) = (places, y.byteCount, reduction)
            return {
                UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: bytes)
                for row in 0..<places.count {
                    let start = places.block(row) * places.inner
                    for index in 0..<places.inner {
                        target[start + index] = target[start + index].updated(
                            with: news[row * places.inner + index], reduction)
                    }
                }
            }
        }
    }

    // MARK: - Operands

    private static func operands(
        _ context: OperatorContext
    ) throws(ImageError) -> (x: TensorView, indices: IndexView, updates: TensorView, y: TensorView) {
        try context.requireCounts(inputs: 3...3)
        let x = try context.input(0)
        let y = try context.output(0, x.elementType)
        try context.require(x.shape == y.shape, "the output has another shape than the input")
        return (x, try IndexView(context, 1), try context.input(2, x.elementType), y)
    }

    private static func reduction(_ context: OperatorContext, word: Int) throws(ImageError) -> PairOperation? {
        let number = try context.word(word)
        if number == 0 { return nil }
        guard let operation = PairOperation(rawValue: Int32(truncatingIfNeeded: number)),
            [.add, .multiply, .minimum, .maximum].contains(operation)
        else { throw ImageError(.badAttribute, .operation(context.index), "unknown reduction of updates") }
        return operation
    }
}

extension Element {
    /// What an update leaves of this element.
    @inline(__always)
    func updated(with update: Self, _ reduction: PairOperation?) -> Self {
        guard let reduction else { return update }
        return Self(narrowing: .combine(reduction, wide, update.wide))
    }
}
