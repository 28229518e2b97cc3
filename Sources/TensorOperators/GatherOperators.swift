import ModelImage
import OperatorInterface
import TensorKernels

/// Operators that read elements at the places which another operand names. They take elements of any type.
enum GatherOperators {
    static var all: [PortableOperator] {
        [
            PortableOperator(.gather, gather), PortableOperator(.gatherElements, gatherElements),
            PortableOperator(.gatherBlocks, gatherBlocks),
        ]
    }

    /// `x[outer…, extent, inner…], indices → y[outer…, indices…, inner…]`; words: the axis.
    @Sendable static func gather(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 2...2)
        let x = try context.input(0)
        let indices = try IndexView(context, 1)
        let y = try context.output(0, x.elementType)
        let axis = try context.axis(0, rank: x.shape.rank)
        let (extent, outer, inner) = (x.shape[axis], x.shape.product(0..<axis), x.shape.stride(axis))
        let count = indices.count
        try context.require(y.count, isProductOf: [outer, count, inner], "the output does not hold what is gathered")
        try context.require(extent > 0 || y.count == 0, "nothing can be gathered from an empty axis")
        for position in 0..<count { try indices.require(position, inside: extent, context) }
        let isEmpty = y.count == 0
        let runs = Runs(from: x, to: y, elements: inner)
        return {
            if isEmpty { return }
            for block in 0..<outer {
                for index in 0..<count {
                    runs.copy(block * extent + indices.place(index, in: extent), to: block * count + index)
                }
            }
        }
    }

    /// `x, indices → y` of the indices' shape: along an axis the index, along the others the element's own place.
    /// Words: the axis.
    @Sendable static func gatherElements(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 2...2)
        let x = try context.input(0)
        let indices = try IndexView(context, 1)
        let y = try context.output(0, x.elementType)
        let axis = try context.axis(0, rank: x.shape.rank)
        try context.require(y.count == indices.count, "the output does not hold an element for each index")
        let (extent, step) = (x.shape[axis], x.shape.stride(axis))
        let loops = try LoopNest.around(axis, of: x.shape, indices.shape, context)
        try context.require(extent > 0 || y.count == 0, "nothing can be gathered from an empty axis")
        for position in 0..<indices.count { try indices.require(position, inside: extent, context) }
        let (count, runs) = (indices.count, Runs(from: x, to: y, elements: 1))
        return {
            var line = LoopPosition()
            for index in 0..<count {
                runs.copy(line.first + indices.place(index, in: extent) * step, to: index)
                line.advance(in: loops)
            }
        }
    }

    /// `x[batch…, extents…, inner…], indices[batch…, n…, extents] → y[batch…, n…, inner…]`: ONNX's GatherND.
    /// Words: the number of batch axes.
    @Sendable static func gatherBlocks(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 2...2)
        let x = try context.input(0)
        let indices = try IndexView(context, 1)
        let y = try context.output(0, x.elementType)
        let batchAxes = try context.word(0, in: 0...7)
        let places = try BlockPlaces(context, indices, target: x.shape, batchAxes: batchAxes)
        let batches = x.shape.product(0..<batchAxes)
        try context.require(
            y.count, isProductOf: [places.count, places.inner], "the output does not hold what is gathered")
        try context.require(batches == 0 || places.count % batches == 0, "the batches differ")
        let (count, perBatch) = (places.count, batches == 0 ? 1 : max(1, places.count / batches))
        let (runs, blocks) = (Runs(from: x, to: y, elements: places.inner), places.blocks)
        let isEmpty = y.count == 0
        return {
            if isEmpty { return }
            for index in 0..<count { runs.copy(index / perBatch * blocks + places.block(index), to: index) }
        }
    }
}

/// Where rows of indices point: each row names a block of a tensor by its first axes.
struct BlockPlaces {
    /// Rows of indices.
    let count: Int
    /// Elements of a block.
    let inner: Int
    /// Blocks of one batch.
    let blocks: Int
    private let indices: IndexView
    private let depth: Int
    private var extents = InlineArray<8, Int>(repeating: 1)

    /// The last axis of `indices` is a row; it indexes the axes of `target` behind the batch axes.
    init(_ context: OperatorContext, _ indices: IndexView, target: Shape, batchAxes: Int) throws(ImageError) {
        let rank = indices.shape.rank
        try context.require(rank > batchAxes, "indices have too few axes")
        depth = indices.shape[rank - 1]
        try context.require(depth >= 1 && batchAxes + depth <= target.rank, "a row of indices is too long")
        for axis in 0..<batchAxes {
            try context.require(indices.shape[axis] == target[axis], "the batch axes differ")
        }
        self.indices = indices
        count = indices.shape.product(0..<rank - 1)
        inner = target.product(batchAxes + depth..<target.rank)
        blocks = target.product(batchAxes..<batchAxes + depth)
        for axis in 0..<depth { extents[axis] = target[batchAxes + axis] }
        try context.require(count == 0 || blocks > 0, "indices point into an empty tensor")
        for row in 0..<count {
            for axis in 0..<depth { try indices.require(row * depth + axis, inside: extents[axis], context) }
        }
    }

    /// The block that row `row` names, within its batch.
    func block(_ row: Int) -> Int {
        var block = 0
        for axis in 0..<depth { block = block * extents[axis] + indices.place(row * depth + axis, in: extents[axis]) }
        return block
    }
}

/// Copies runs of elements between two tensors.
struct Runs {
    private let source: UnsafeMutableRawPointer
    private let target: UnsafeMutableRawPointer
    private let bytes: Int

    /// Runs of `elements` elements of the type that both tensors have.
    init(from source: TensorView, to target: TensorView, elements: Int) {
        self.source = source.address
        self.target = target.address
        bytes = elements * source.elementType.size
    }

    /// Copies the run at place `place` of the source to place `position` of the target; both count in runs.
    @inline(__always)
    func copy(_ place: Int, to position: Int) {
        let (from, to) = (source + place * bytes, target + position * bytes)
        switch bytes {
        case 1: to.storeBytes(of: from.load(as: UInt8.self), as: UInt8.self)
        case 4: to.storeBytes(of: from.load(as: UInt32.self), as: UInt32.self)
        case 8: to.storeBytes(of: from.loadUnaligned(as: UInt64.self), as: UInt64.self)
        default: to.copyMemory(from: from, byteCount: bytes)
        }
    }
}

extension LoopNest {
    /// Walks the elements of `part` in row-major order; the first step is the place of the element in a tensor of
    /// shape `whole` when its index along `axis` is 0.
    static func around(
        _ axis: Int, of whole: Shape, _ part: Shape, _ context: OperatorContext
    ) throws(ImageError) -> LoopNest {
        try context.require(part.rank == whole.rank, "indices have another rank than the tensor")
        var loops = LoopNest()
        for other in 0..<whole.rank {
            try context.require(other == axis || part[other] <= whole[other], "indices reach outside the tensor")
            loops.append(size: part[other], first: other == axis ? 0 : whole.stride(other))
        }
        return loops
    }
}
