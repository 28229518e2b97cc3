/// The dimensions of a tensor, outermost first. A scalar has rank 0. A dimension may be 0: the tensor
/// is then empty.
///
/// A fixed-size value, so that shapes cost no allocation on a device.
public struct Shape: Equatable, Sendable {
    /// The number of dimensions, 0...``ImageLimits/rank``.
    public let rank: Int
    /// The product of the dimensions, 0...``ImageLimits/elements``.
    public let elementCount: Int
    let storage: SIMD8<Int32>

    /// Fails when a dimension is negative, or the rank or the number of elements exceeds ``ImageLimits``.
    public init?(_ dimensions: [Int]) {
        guard dimensions.count <= ImageLimits.rank else { return nil }
        var storage = SIMD8<Int32>(repeating: 1)
        for (axis, dimension) in dimensions.enumerated() {
            guard dimension >= 0, dimension <= ImageLimits.elements else { return nil }
            storage[axis] = Int32(dimension)
        }
        self.init(rank: dimensions.count, storage: storage)
    }

    init?(rank: Int, storage: SIMD8<Int32>) {
        guard rank >= 0, rank <= ImageLimits.rank else { return nil }
        // The product without empty dimensions is bounded too: products of some of the dimensions then are as well.
        var count: Int64 = 1
        var isEmpty = false
        for axis in 0..<rank {
            guard storage[axis] >= 0 else { return nil }
            isEmpty = isEmpty || storage[axis] == 0
            count *= Int64(max(1, storage[axis]))
            guard count <= Int64(ImageLimits.elements) else { return nil }
        }
        var cleaned = SIMD8<Int32>(repeating: 1)
        for axis in 0..<rank { cleaned[axis] = storage[axis] }
        self.rank = rank
        self.storage = cleaned
        self.elementCount = isEmpty ? 0 : Int(count)
    }

    /// The size of dimension `axis`, which must be in 0..<rank.
    public subscript(axis: Int) -> Int {
        precondition(axis >= 0 && axis < rank, "axis outside the shape")
        return Int(storage[axis])
    }

    /// The dimensions as an array, for inspection.
    public var dimensions: [Int] { (0..<rank).map { Int(storage[$0]) } }

    /// The product of dimensions `range`; 1 when it is empty.
    public func product(_ range: Range<Int>) -> Int {
        var product = 1
        for axis in range { product *= self[axis] }
        return product
    }

    /// True when `self` broadcasts to `target` by ONNX's rule: aligned at the last dimension, each equal or 1.
    public func broadcasts(to target: Shape) -> Bool {
        guard rank <= target.rank else { return false }
        for axis in 0..<rank {
            let size = self[axis]
            if size != 1, size != target[axis + target.rank - rank] { return false }
        }
        return true
    }

    /// The shape that `first` and `second` broadcast to together, or nil when they do not.
    public static func broadcast(_ first: Shape, _ second: Shape) -> Shape? {
        let rank = max(first.rank, second.rank)
        var storage = SIMD8<Int32>(repeating: 1)
        for axis in 0..<rank {
            let one = axis < rank - first.rank ? 1 : first[axis - (rank - first.rank)]
            let other = axis < rank - second.rank ? 1 : second[axis - (rank - second.rank)]
            guard one == other || one == 1 || other == 1 else { return nil }
            storage[axis] = Int32(one == 1 ? other : one)
        }
        return Shape(rank: rank, storage: storage)
    }
}

/// Up to eight small numbers, one per dimension: a permutation, the axes of a reduction, the starts of a slice.
public struct AxisValues: Equatable, Sendable {
    /// How many values there are, 0...``ImageLimits/rank``.
    public let count: Int
    let storage: SIMD8<Int32>

    /// Fails when there are more than ``ImageLimits/rank`` values, or one does not fit 32 bits.
    public init?(_ values: [Int]) {
        guard values.count <= ImageLimits.rank else { return nil }
        var storage = SIMD8<Int32>(repeating: 0)
        for (index, value) in values.enumerated() {
            guard let word = Int32(exactly: value) else { return nil }
            storage[index] = word
        }
        self.count = values.count
        self.storage = storage
    }

    init(count: Int, storage: SIMD8<Int32>) {
        self.count = count
        self.storage = storage
    }

    /// Value `index`, which must be in 0..<count.
    public subscript(index: Int) -> Int {
        precondition(index >= 0 && index < count, "index outside the values")
        return Int(storage[index])
    }
}
