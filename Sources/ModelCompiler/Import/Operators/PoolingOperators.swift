import ModelImage

/// Pools over any number of spatial axes: the vector kernels over one or two of floats.
enum PoolingOperators {
    static let rules: [String: OperatorRule] = [
        "MaxPool": OperatorRule { builder, node throws(Refusal) in
            try pool(.maximum, &builder, node)
        },
        "AveragePool": OperatorRule { builder, node throws(Refusal) in
            let countsPadding = try node.flag("count_include_pad")
            return try pool(.average(countsPadding: countsPadding), &builder, node)
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
    ) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        try function == .maximum ? builder.requireNumbers(x) : builder.requireFloating(x)
        guard let kernel = try node.ints("kernel_shape") else { throw .invalid("kernel_shape is missing") }
        guard builder.shape(x).count > 2 else { throw .invalid("a pool over \(builder.shape(x))") }
        let window = try WindowAttributes.window(
            node, space: Array(builder.shape(x).dropFirst(2)), kernel: kernel, mayRoundUp: true)
        let isFlat = window.kernel.count <= 2 && builder.elementType(x) == .float32
        guard !isFlat || node.wants(1) else { return [try builder.emit(.pool(function, window, .first), .none, [x])] }
        let isColumnMajor = try node.flag("storage_order")
        let kind: Int32 = function == .maximum ? 0 : function == .average(countsPadding: true) ? 2 : 1
        let shape = builder.shape(x)[..<2] + window.output
        var results = [ShapeInference.Result(Array(shape), builder.elementType(x))]
        if node.wants(1) { results.append(.init(Array(shape), .int64)) }
        let pool = PortableNode(
            opcode: .poolWindows, words: [kind, isColumnMajor ? 1 : 0] + window.words, results: results)
        return try builder.emit(pool, [x])
    }

    private static func globalPool(
        _ function: PoolFunction, _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> ValueID {
        let x = try node.input(0)
        try function == .maximum ? builder.requireNumbers(x) : builder.requireFloating(x)
        let space = Array(builder.shape(x).dropFirst(2))
        guard !space.isEmpty else { throw .invalid("a pool over \(builder.shape(x))") }
        guard space.count <= 2, space.allSatisfy({ $0 <= ImageLimits.window }), builder.elementType(x) == .float32
        else {
            let axes = Array(2..<2 + space.count)
            return try builder.reduce(function == .maximum ? .maximum : .mean, x, axes: axes, keepsAxes: true)
        }
        let ones = [Int](repeating: 1, count: space.count)
        let zeros = [Int](repeating: 0, count: space.count)
        let window = SpatialWindow(
            kernel: space, strides: ones, dilations: ones, padsBefore: zeros, padsAfter: zeros, output: ones)
        return try builder.emit(.pool(function, window, .first), .none, [x])
    }
}
