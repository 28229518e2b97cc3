/// Up to eight nested loops over one or two tensors, outermost first, with the step in elements that each loop makes
/// in either tensor. A step of 0 repeats an element: that is broadcasting.
public struct LoopNest: Sendable {
    /// Loops, 0...8. No loops visit one element.
    public private(set) var depth = 0
    /// How often each loop turns.
    public private(set) var sizes = InlineArray<8, Int>(repeating: 1)
    /// Steps in the first tensor.
    public private(set) var first = InlineArray<8, Int>(repeating: 0)
    /// Steps in the second tensor; 0 where there is none.
    public private(set) var second = InlineArray<8, Int>(repeating: 0)

    /// No loops.
    public init() {}

    /// Adds a loop inside all others, and merges it with its neighbour where both tensors allow: long inner loops
    /// are what makes kernels fast. At most eight loops can be added.
    public mutating func append(size: Int, first firstStep: Int, second secondStep: Int = 0) {
        guard size != 1 else { return }
        if depth > 0, first[depth - 1] == size * firstStep, second[depth - 1] == size * secondStep {
            sizes[depth - 1] *= size
            first[depth - 1] = firstStep
            second[depth - 1] = secondStep
            return
        }
        sizes[depth] = size
        first[depth] = firstStep
        second[depth] = secondStep
        depth += 1
    }

    /// Elements visited.
    public var count: Int {
        var product = 1
        for loop in 0..<depth { product *= sizes[loop] }
        return product
    }

    /// The innermost loop (size 1 when there are none) and the loops around it.
    public func splittingInnermost() -> (outer: LoopNest, size: Int, first: Int, second: Int) {
        guard depth > 0 else { return (self, 1, 0, 0) }
        var outer = self
        outer.depth -= 1
        return (outer, sizes[depth - 1], first[depth - 1], second[depth - 1])
    }
}

/// Walks a ``LoopNest``: the current offsets in both tensors.
public struct LoopPosition {
    /// Elements from the start of the first tensor.
    public private(set) var first = 0
    /// Elements from the start of the second tensor.
    public private(set) var second = 0
    private var counters = InlineArray<8, Int>(repeating: 0)

    /// The first position.
    public init() {}

    /// Steps to the next position, and back to the first after the last.
    public mutating func advance(in nest: LoopNest) {
        var loop = nest.depth - 1
        while loop >= 0 {
            counters[loop] += 1
            first += nest.first[loop]
            second += nest.second[loop]
            if counters[loop] < nest.sizes[loop] { return }
            counters[loop] = 0
            first -= nest.first[loop] * nest.sizes[loop]
            second -= nest.second[loop] * nest.sizes[loop]
            loop -= 1
        }
    }
}
