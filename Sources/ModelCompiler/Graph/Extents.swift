import ModelImage

/// Arithmetic on shapes (`[Int]`, outermost axis first).
enum Extents {
    /// The product, or `nil` when it does not fit an `Int`.
    static func count(_ shape: [Int]) -> Int? {
        var count = 1
        for extent in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            guard !overflow else { return nil }
            count = product
        }
        return count
    }

    /// True when no product of the extents, empty ones left out, can exceed the largest tensor of the runtime.
    static func isModest(_ shape: [Int]) -> Bool {
        guard shape.count <= 16, shape.allSatisfy({ $0 >= 0 }) else { return false }
        guard let count = count(shape.map { max($0, 1) }) else { return false }
        return count <= ImageLimits.elements
    }

    /// Row-major distances between neighbours along each axis.
    static func strides(_ shape: [Int]) -> [Int] {
        var strides = [Int](repeating: 1, count: shape.count)
        for axis in shape.indices.dropLast().reversed() {
            strides[axis] = strides[axis + 1] * shape[axis + 1]
        }
        return strides
    }

    /// The shape to which two shapes broadcast by ONNX's rule, or `nil` when they do not.
    static func broadcast(_ first: [Int], _ second: [Int]) -> [Int]? {
        let rank = max(first.count, second.count)
        let left = padded(first, rank: rank)
        let right = padded(second, rank: rank)
        var shape: [Int] = []
        for axis in 0..<rank {
            guard left[axis] == right[axis] || left[axis] == 1 || right[axis] == 1 else { return nil }
            shape.append(left[axis] == 1 ? right[axis] : left[axis])
        }
        return shape
    }

    /// The shape with ones in front up to `rank` axes.
    static func padded(_ shape: [Int], rank: Int) -> [Int] {
        [Int](repeating: 1, count: max(0, rank - shape.count)) + shape
    }

    /// For each element of `shape` in row-major order its place in a tensor of `source` that broadcasts to it.
    static func broadcastPositions(of source: [Int], to shape: [Int]) -> [Int] {
        let aligned = padded(source, rank: shape.count)
        let strides = zip(strides(aligned), aligned).map { $1 == 1 ? 0 : $0 }
        return positions(shape, start: 0, strides: strides)
    }

    /// `start + Σ index[axis]·strides[axis]` for every index of `shape` in row-major order.
    static func positions(_ shape: [Int], start: Int, strides: [Int]) -> [Int] {
        guard !shape.contains(0) else { return [] }
        var positions = [start]
        for axis in shape.indices {
            var next: [Int] = []
            next.reserveCapacity(positions.count * shape[axis])
            for position in positions {
                for index in 0..<shape[axis] { next.append(position + index * strides[axis]) }
            }
            positions = next
        }
        return positions
    }

    /// The axis as a number from 0, or `nil` if it is outside the rank. Negative axes count from the end.
    static func axis(_ axis: Int, rank: Int) -> Int? {
        let positive = axis < 0 ? axis + rank : axis
        return positive >= 0 && positive < rank ? positive : nil
    }
}
