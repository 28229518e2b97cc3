import ModelImage

/// Convolutions over any number of spatial axes.
enum ConvolutionOperators {
    static let rules: [String: OperatorRule] = [
        "Conv": OperatorRule(convolution), "ConvTranspose": OperatorRule(transposedConvolution),
    ]

    static func convolution(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let weights = try node.input(1)
        let (shape, kernel) = (builder.shape(x), builder.shape(weights))
        guard kernel.count == shape.count, kernel.count > 2 else {
            throw .invalid("weights \(kernel) do not fit an input \(shape)")
        }
        if let bias = node.optional(2), builder.shape(bias) != [kernel[0]] {
            throw .invalid("bias \(builder.shape(bias)) does not fit weights \(kernel)")
        }
        let extents = Array(kernel.dropFirst(2))
        if let declared = try node.ints("kernel_shape"), declared != extents {
            throw .invalid("kernel_shape \(declared) differs from the weights' \(extents)")
        }
        let groups = try node.int("group", default: 1)
        guard groups > 0, kernel[1] > 0, kernel[1] * groups == shape[1], kernel[0] % groups == 0 else {
            throw .invalid("weights \(kernel) in \(groups) groups do not fit an input \(shape)")
        }
        let window = try WindowAttributes.window(node, space: Array(shape.dropFirst(2)), kernel: extents)
        return [try convolve(x, weights, node.optional(2), window, groups: groups, &builder)]
    }

    /// The vector kernel where weights are known and the window is flat, or has three axes; else the product of the
    /// weights with what each window sees.
    static func convolve(
        _ x: ValueID, _ weights: ValueID, _ bias: ValueID?, _ window: SpatialWindow, groups: Int,
        _ builder: inout GraphBuilder
    ) throws(Refusal) -> ValueID {
        let knownBias = builder.constant(bias) == nil ? nil : bias
        let result: ValueID
        if builder.constant(weights) != nil, window.kernel.count <= 2 {
            let operation = GraphOperation.convolution(window, groups: groups, .first)
            result = try builder.emit(operation, .none, [x, weights] + (knownBias.map { [$0] } ?? []))
            if knownBias != nil { return result }
        } else if builder.constant(weights) != nil, window.kernel.count == 3 {
            result = try stacked(x, weights, window, groups: groups, &builder)
        } else {
            result = try product(x, weights, window, groups: groups, &builder)
        }
        guard let bias else { return result }
        return try biased(result, bias, &builder)
    }

    /// Three axes: for each plane of the kernel a flat convolution of the planes that it sees, summed.
    private static func stacked(
        _ x: ValueID, _ weights: ValueID, _ window: SpatialWindow, groups: Int, _ builder: inout GraphBuilder
    ) throws(Refusal) -> ValueID {
        var flat = window
        flat.dropFirst()
        let before = [0, 0, window.padsBefore[0], 0, 0]
        let after = [0, 0, window.padsAfter[0], 0, 0]
        let padded =
            before == after && before[2] == 0
            ? x : try builder.emit(.pad(before: before, after: after, mode: .constant, value: 0), .none, [x])
        let planes = try builder.emit(.transpose([0, 2, 1, 3, 4]), .none, [padded])
        let (shape, kernel, depth) = (builder.shape(planes), builder.shape(weights), window.output[0])
        var sum: ValueID?
        for tap in 0..<window.kernel[0] {
            let seen = try SliceOperators.cutOut(
                planes,
                (
                    starts: [0, tap * window.dilations[0], 0, 0, 0], steps: [1, window.strides[0], 1, 1, 1],
                    counts: [shape[0], depth] + shape[2...]
                ), &builder)
            let plane = try SliceOperators.cutOut(
                weights,
                (starts: [0, 0, tap, 0, 0], steps: [1, 1, 1, 1, 1], counts: kernel[..<2] + [1] + kernel[3...]),
                &builder)
            let part = try builder.emit(
                .convolution(flat, groups: groups, .first), .none,
                [
                    builder.reshape(seen, to: [shape[0] * depth] + shape[2...]),
                    builder.reshape(plane, to: Array(kernel[..<2] + kernel[3...])),
                ])
            sum = try sum.map { held throws(Refusal) in try builder.combine(.add, held, part) } ?? part
        }
        guard let sum else { throw .invalid("the kernel has no planes") }
        let stacked = try builder.reshape(sum, to: [shape[0], depth, kernel[0]] + window.output[1...])
        return try builder.emit(.transpose([0, 2, 1, 3, 4]), .none, [stacked])
    }

    private static func product(
        _ x: ValueID, _ weights: ValueID, _ window: SpatialWindow, groups: Int, _ builder: inout GraphBuilder
    ) throws(Refusal) -> ValueID {
        let (shape, kernel) = (builder.shape(x), builder.shape(weights))
        let (taps, windows) = (window.kernel.reduce(1, *), window.output.reduce(1, *))
        let rows = shape[1] / groups * taps
        let columns = try builder.emit(
            .unfold, words: window.words + window.output.map { Int32($0) }, [x],
            to: [shape[0], groups, rows, windows], builder.elementType(x))
        let matrices = try builder.reshape(weights, to: [groups, kernel[0] / groups, rows])
        let product = try builder.emit(.matMul(transposedRight: false), .none, [matrices, columns])
        return try builder.reshape(product, to: [shape[0], kernel[0]] + window.output)
    }

    private static func biased(
        _ x: ValueID, _ bias: ValueID, _ builder: inout GraphBuilder
    ) throws(Refusal) -> ValueID {
        let shape = builder.shape(x)
        let ones = [Int](repeating: 1, count: shape.count - 2)
        return try builder.combine(.add, x, builder.reshape(bias, to: [shape[1]] + ones))
    }

    // MARK: - Transposed

    /// Every element of the input writes a window of the result: a product with the weights, then `fold`.
    private static func transposedConvolution(
        _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> [ValueID] {
        let (x, weights) = (try node.input(0), try node.input(1))
        let (shape, kernel) = (builder.shape(x), builder.shape(weights))
        let groups = try node.int("group", default: 1)
        guard kernel.count == shape.count, kernel.count > 2, groups > 0, kernel[0] == shape[1],
            kernel[0] % groups == 0
        else { throw .invalid("weights \(kernel) in \(groups) groups do not fit an input \(shape)") }
        let channels = kernel[1] * groups
        if let bias = node.optional(2), builder.shape(bias) != [channels] {
            throw .invalid("bias \(builder.shape(bias)) does not fit weights \(kernel)")
        }
        let space = Array(shape.dropFirst(2))
        let window = try WindowAttributes.transposed(node, space: space, kernel: Array(kernel.dropFirst(2)))
        let (taps, elements) = (window.kernel.reduce(1, *), space.reduce(1, *))
        let matrices = try builder.emit(
            .transpose([0, 2, 1]), .none,
            [builder.reshape(weights, to: [groups, kernel[0] / groups, kernel[1] * taps])])
        let rows = try builder.reshape(x, to: [shape[0], groups, shape[1] / groups, elements])
        let columns = try builder.emit(.matMul(transposedRight: false), .none, [matrices, rows])
        let result = try builder.emit(
            .fold, words: window.words + space.map { Int32($0) }, [columns],
            to: [shape[0], channels] + window.output, builder.elementType(x))
        return [try node.optional(2).map { bias throws(Refusal) in try biased(result, bias, &builder) } ?? result]
    }
}

extension SpatialWindow {
    /// The attribute words of portable operators: see `WindowGeometry`.
    var words: [Int32] {
        ([kernel.count] + kernel + strides + dilations + padsBefore + padsAfter).map { Int32($0) }
    }
}

/// Strides, pads and dilations as convolutions and pools share them.
enum WindowAttributes {
    /// The window of a node over an input with the spatial extents `space`.
    ///
    /// Formulas: ONNX operator specifications of Conv, MaxPool and AveragePool. With `ceil_mode` a window that would
    /// begin in the padding behind the input is left out.
    static func window(
        _ node: ImportedNode, space: [Int], kernel: [Int], mayRoundUp: Bool = false
    ) throws(Refusal) -> SpatialWindow {
        let rank = space.count
        guard rank <= 5 else {
            throw .unsupported("windows over \(rank) spatial axes", help: "use at most five spatial axes")
        }
        let pads = try list(node, "pads", count: 2 * rank, default: 0, range: 0...ImageLimits.window)
        var window = SpatialWindow(
            kernel: kernel,
            strides: try list(node, "strides", count: rank, default: 1, range: 1...ImageLimits.window),
            dilations: try list(node, "dilations", count: rank, default: 1, range: 1...ImageLimits.window),
            padsBefore: Array(pads[..<rank]), padsAfter: Array(pads[rank...]), output: [])
        guard kernel.count == rank, kernel.allSatisfy((1...ImageLimits.window).contains) else {
            throw .invalid("the kernel \(kernel) does not fit \(rank) spatial axes")
        }
        let mode = try node.text("auto_pad", default: "NOTSET")
        let roundsUp = mayRoundUp ? try node.flag("ceil_mode") : false
        for axis in 0..<rank {
            let extent = try output(axis, space[axis], mode: mode, roundsUp: roundsUp, &window)
            window.output.append(extent)
        }
        return window
    }

    /// The window of a transposed convolution: its output has the extents of the result, its pads those that are cut
    /// off there. `output_shape` takes the place of pads; a result larger than all windows ends with zeros.
    static func transposed(
        _ node: ImportedNode, space: [Int], kernel: [Int]
    ) throws(Refusal) -> SpatialWindow {
        let rank = space.count
        guard rank <= 5 else {
            throw .unsupported("windows over \(rank) spatial axes", help: "use at most five spatial axes")
        }
        let pads = try list(node, "pads", count: 2 * rank, default: 0, range: 0...ImageLimits.window)
        let extra = try list(node, "output_padding", count: rank, default: 0, range: 0...ImageLimits.window)
        var window = SpatialWindow(
            kernel: kernel,
            strides: try list(node, "strides", count: rank, default: 1, range: 1...ImageLimits.window),
            dilations: try list(node, "dilations", count: rank, default: 1, range: 1...ImageLimits.window),
            padsBefore: Array(pads[..<rank]), padsAfter: Array(pads[rank...]), output: [])
        guard kernel.allSatisfy((1...ImageLimits.window).contains), try node.ints("kernel_shape") ?? kernel == kernel
        else { throw .invalid("the kernel \(kernel) is not the weights'") }
        let mode = try node.text("auto_pad", default: "NOTSET")
        guard ["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"].contains(mode) else {
            throw .invalid("auto_pad is \"\(mode)\"")
        }
        var wanted = try node.ints("output_shape").map { Array($0.suffix(rank)) }
        if mode.hasPrefix("SAME"), wanted == nil { wanted = zip(space, window.strides).map { $0 * $1 } }
        for axis in 0..<rank {
            let full = window.strides[axis] * (space[axis] - 1) + extra[axis] + window.reach(axis)
            if let wanted, wanted.count == rank {
                let total = max(0, full - wanted[axis])
                window.padsBefore[axis] = mode == "SAME_UPPER" ? total / 2 : total - total / 2
                window.output.append(wanted[axis])
            } else {
                if mode == "VALID" { (window.padsBefore[axis], window.padsAfter[axis]) = (0, 0) }
                window.output.append(full - window.padsBefore[axis] - window.padsAfter[axis])
            }
            guard (1...ImageLimits.elements).contains(window.output[axis]) else {
                throw .invalid("the result has an extent of \(window.output[axis])")
            }
        }
        window.padsAfter = window.padsAfter.map { _ in 0 }
        return window
    }

    /// The result's extent along one axis; pads that `auto_pad` implies are filled in.
    private static func output(
        _ axis: Int, _ extent: Int, mode: String, roundsUp: Bool, _ window: inout SpatialWindow
    ) throws(Refusal) -> Int {
        let stride = window.strides[axis]
        let reach = window.reach(axis)
        switch mode {
        case "NOTSET": break
        case "VALID": (window.padsBefore[axis], window.padsAfter[axis]) = (0, 0)
        case "SAME_UPPER", "SAME_LOWER":
            let result = (extent + stride - 1) / stride
            let total = max(0, (result - 1) * stride + reach - extent)
            let smaller = total / 2
            window.padsBefore[axis] = mode == "SAME_UPPER" ? smaller : total - smaller
            window.padsAfter[axis] = total - window.padsBefore[axis]
            return result
        default: throw .invalid("auto_pad is \"\(mode)\"")
        }
        let room = extent + window.padsBefore[axis] + window.padsAfter[axis] - reach
        guard room >= 0 || (roundsUp && room + stride > 0) else {
            throw .invalid("a window of \(reach) does not fit an extent of \(extent) with its padding")
        }
        guard roundsUp else { return room / stride + 1 }
        let result = (room + stride - 1) / stride + 1
        return (result - 1) * stride >= extent + window.padsBefore[axis] ? result - 1 : result
    }

    private static func list(
        _ node: ImportedNode, _ name: String, count: Int, default standard: Int, range: ClosedRange<Int>
    ) throws(Refusal) -> [Int] {
        guard let values = try node.ints(name), !values.isEmpty else { return [Int](repeating: standard, count: count) }
        guard values.count == count else { throw .invalid("\(name) has \(values.count) entries, not \(count)") }
        guard values.allSatisfy(range.contains) else {
            throw .unsupported("\(name) is \(values)", help: "keep it within \(range)")
        }
        return values
    }
}
