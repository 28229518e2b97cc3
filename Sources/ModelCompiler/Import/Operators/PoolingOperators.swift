import ModelImage

/// Pools over one or two spatial axes.
enum PoolingOperators {
    static let rules: [String: OperatorRule] = [
        "MaxPool": OperatorRule { builder, node throws(Refusal) in
            if node.wants(1) {
                throw .unsupported("the indices of the maxima are not computed", help: "remove the second output")
            }
            return [try pool(.maximum, &builder, node)]
        },
        "AveragePool": OperatorRule { builder, node throws(Refusal) in
            let countsPadding = try node.flag("count_include_pad")
            return [try pool(.average(countsPadding: countsPadding), &builder, node)]
        },
        "GlobalMaxPool": OperatorRule { builder, node throws(Refusal) in
            [try globalPool(.maximum, &builder, node)]
        },
        "GlobalAveragePool": OperatorRule { builder, node throws(Refusal) in
            [try globalPool(.average(countsPadding: false), &builder, node)]
        },
    ]

    private static func pool(
        _ function: PoolFunction, _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> ValueID {
        let x = try node.input(0)
        guard let kernel = try node.ints("kernel_shape") else { throw .invalid("kernel_shape is missing") }
        guard builder.shape(x).count > 2 else { throw .invalid("a pool over \(builder.shape(x))") }
        let window = try WindowAttributes.window(
            node, space: Array(builder.shape(x).dropFirst(2)), kernel: kernel, mayRoundUp: true)
        return try builder.emit(.pool(function, window, .first), .none, [x])
    }

    private static func globalPool(
        _ function: PoolFunction, _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> ValueID {
        let x = try node.input(0)
        let space = Array(builder.shape(x).dropFirst(2))
        guard !space.isEmpty else { throw .invalid("a pool over \(builder.shape(x))") }
        guard space.count <= 2, space.allSatisfy({ $0 <= ImageLimits.window }) else {
            let axes = Array(2..<2 + space.count)
            let reduction: ReduceFunction = function == .maximum ? .maximum : .mean
            return try builder.emit(.reduce(reduction, axes: axes, keepsAxes: true), .none, [x])
        }
        let ones = [Int](repeating: 1, count: space.count)
        let zeros = [Int](repeating: 0, count: space.count)
        let window = SpatialWindow(
            kernel: space, strides: ones, dilations: ones, padsBefore: zeros, padsAfter: zeros, output: ones)
        return try builder.emit(.pool(function, window, .first), .none, [x])
    }
}
