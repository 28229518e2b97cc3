import ModelImage

/// Convolutions over one or two spatial axes.
enum ConvolutionOperators {
    static let rules: [String: OperatorRule] = ["Conv": OperatorRule(convolution)]

    static func convolution(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let weights = try node.input(1)
        guard let kernel = builder.constant(weights) else { throw .mustBeConstant("the weights") }
        if let bias = node.optional(2) {
            guard let known = builder.constant(bias) else { throw .mustBeConstant("the bias") }
            guard known.shape == [kernel.shape.first ?? 0] else {
                throw .invalid("bias \(known.shape) does not fit weights \(kernel.shape)")
            }
        }
        guard kernel.shape.count == builder.shape(x).count, kernel.shape.count > 2 else {
            throw .invalid("weights \(kernel.shape) do not fit an input \(builder.shape(x))")
        }
        let extents = Array(kernel.shape.dropFirst(2))
        if let declared = try node.ints("kernel_shape"), declared != extents {
            throw .invalid("kernel_shape \(declared) differs from the weights' \(extents)")
        }
        let window = try WindowAttributes.window(node, space: Array(builder.shape(x).dropFirst(2)), kernel: extents)
        let operation = GraphOperation.convolution(window, groups: try node.int("group", default: 1), .first)
        return [try builder.emit(operation, .none, [x, weights] + (node.optional(2).map { [$0] } ?? []))]
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
        guard rank <= 2 else {
            throw .unsupported("windows over \(rank) spatial axes", help: "use one or two spatial axes")
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
