import ModelImage

/// Reductions over axes.
enum ReductionOperators {
    static let rules: [String: OperatorRule] = [
        "ReduceSum": reduce(.sum, axesAreInputSince: 13), "ReduceMean": reduce(.mean), "ReduceMax": reduce(.maximum),
        "ReduceMin": reduce(.minimum), "ReduceProd": reduce(.product), "ReduceL1": reduce(.l1),
        "ReduceL2": reduce(.l2), "ReduceSumSquare": reduce(.sumSquare), "ReduceLogSum": reduce(.logSum),
        "ReduceLogSumExp": reduce(.logSumExp),
        "ArgMax": argument(smallest: false), "ArgMin": argument(smallest: true),
    ]

    /// From a version on the axes are an input instead of an attribute.
    private static func reduce(_ function: ReduceFunction, axesAreInputSince: Int = 18) -> OperatorRule {
        OperatorRule { builder, node throws(Refusal) in
            let x = try node.input(0)
            let rank = builder.shape(x).count
            var numbers = try node.ints("axes") ?? []
            if node.version >= axesAreInputSince, let axes = node.optional(1) {
                guard let known = builder.constant(axes)?.integers else { throw .mustBeConstant("the axes") }
                numbers = known.map { Int($0) }
            }
            // Over no axes the sums are of one element each, but magnitudes, squares and logarithms are still taken.
            let isNoOp = try node.flag("noop_with_empty_axes")
            var axes: Set<Int> = []
            for number in numbers {
                guard let axis = Extents.axis(number, rank: rank) else { throw .invalid("axis \(number)") }
                axes.insert(axis)
            }
            let reduced = numbers.isEmpty && !isNoOp ? Array(0..<rank) : axes.sorted()
            let keepsAxes = try node.int("keepdims", default: 1) != 0
            return [try builder.reduce(function, x, axes: reduced, keepsAxes: keepsAxes)]
        }
    }

    private static func argument(smallest: Bool) -> OperatorRule {
        OperatorRule { builder, node throws(Refusal) in
            let x = try node.input(0)
            try builder.requireNumbers(x)
            let number = try node.int("axis", default: 0)
            guard let axis = Extents.axis(number, rank: builder.shape(x).count) else {
                throw .invalid("axis \(number)")
            }
            let last = try node.flag("select_last_index")
            let keepsAxis = try node.int("keepdims", default: 1) != 0
            let operation = GraphOperation.argMax(axis: axis, smallest: smallest, last: last, keepsAxis: keepsAxis)
            if builder.elementType(x) != .float32 {
                var shape = builder.shape(x)
                if keepsAxis { shape[axis] = 1 } else { shape.remove(at: axis) }
                let words = [Int32(axis), smallest ? 1 : 0, last ? 1 : 0]
                return [try builder.emit(.argReduce, words: words, [x], to: shape, .int64)]
            }
            return [try builder.emit(operation, .none, [x])]
        }
    }
}
