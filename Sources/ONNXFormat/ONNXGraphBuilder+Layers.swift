// The layers that trainers write. Shapes are in the notation of the ONNX operator specifications.

extension ONNXGraphBuilder {
    /// A dense layer: `x · Wᵀ + bias` with `x` [N, columns] and `weights` [rows, columns] in row-major order.
    public mutating func gemm(
        _ x: String, weights: [Float], rows: Int, columns: Int, bias: [Float]? = nil
    ) -> String {
        var inputs = [x, constant(ONNXTensor(dims: [rows, columns], floats: weights))]
        if let bias { inputs.append(constant(ONNXTensor(dims: [rows], floats: bias))) }
        return node("Gemm", inputs, [ONNXAttribute("transB", .int(1))])
    }

    /// A convolution over one or more axes: `x` [N, C, D…], `weights` [M, C / groups, K…].
    ///
    /// - Parameters:
    ///   - weightDims: The dimensions of `weights`; those past the second are the kernel's.
    ///   - pads: Zeros before each axis, then after each axis; none when empty.
    ///   - strides: Steps; 1 when empty.
    ///   - dilations: Distances between the kernel's taps; 1 when empty.
    public mutating func conv(
        _ x: String, weights: [Float], weightDims: [Int], bias: [Float]? = nil, strides: [Int] = [], pads: [Int] = [],
        dilations: [Int] = [], groups: Int = 1
    ) -> String {
        var inputs = [x, constant(ONNXTensor(dims: weightDims, floats: weights))]
        if let bias { inputs.append(constant(ONNXTensor(dims: [bias.count], floats: bias))) }
        return node(
            "Conv", inputs,
            [ONNXAttribute("kernel_shape", .ints(weightDims.dropFirst(2).map(Int64.init)))]
                + Self.window(strides: strides, pads: pads, dilations: dilations)
                + (groups == 1 ? [] : [ONNXAttribute("group", .int(Int64(groups)))]))
    }

    /// The largest value in each window over the axes past the second.
    public mutating func maxPool(_ x: String, kernel: [Int], strides: [Int] = [], pads: [Int] = []) -> String {
        node(
            "MaxPool", [x],
            [ONNXAttribute("kernel_shape", .ints(kernel.map(Int64.init)))]
                + Self.window(strides: strides, pads: pads, dilations: []))
    }

    /// The mean of each window over the axes past the second; padding is not counted.
    public mutating func averagePool(_ x: String, kernel: [Int], strides: [Int] = [], pads: [Int] = []) -> String {
        node(
            "AveragePool", [x],
            [ONNXAttribute("kernel_shape", .ints(kernel.map(Int64.init)))]
                + Self.window(strides: strides, pads: pads, dilations: []))
    }

    /// The mean over all axes past the second, which stay with extent 1.
    public mutating func globalAveragePool(_ x: String) -> String { node("GlobalAveragePool", [x]) }

    /// The largest value over all axes past the second, which stay with extent 1.
    public mutating func globalMaxPool(_ x: String) -> String { node("GlobalMaxPool", [x]) }

    /// `(x − mean) / √(variance + epsilon) · scale + shift` per channel (axis 1).
    public mutating func batchNormalization(
        _ x: String, scale: [Float], shift: [Float], mean: [Float], variance: [Float], epsilon: Float = 1e-5
    ) -> String {
        let parameters = [scale, shift, mean, variance].map { constant(ONNXTensor(dims: [$0.count], floats: $0)) }
        return node("BatchNormalization", [x] + parameters, [ONNXAttribute("epsilon", .float(epsilon))])
    }

    /// `max(x, 0)`.
    public mutating func relu(_ x: String) -> String { node("Relu", [x]) }

    /// `1 / (1 + e^−x)`.
    public mutating func sigmoid(_ x: String) -> String { node("Sigmoid", [x]) }

    /// The hyperbolic tangent.
    public mutating func tanh(_ x: String) -> String { node("Tanh", [x]) }

    /// `e^x` over its sum along `axis`.
    public mutating func softmax(_ x: String, axis: Int = -1) -> String {
        node("Softmax", [x], [ONNXAttribute("axis", .int(Int64(axis)))])
    }

    /// Two axes: the product of the extents before `axis`, and the rest.
    public mutating func flatten(_ x: String, axis: Int = 1) -> String {
        node("Flatten", [x], [ONNXAttribute("axis", .int(Int64(axis)))])
    }

    /// Other extents for the same elements: −1 stands for what is left, 0 for the extent that was there.
    public mutating func reshape(_ x: String, to dims: [Int]) -> String {
        let shape = constant(ONNXTensor(dims: [dims.count], int64s: dims.map(Int64.init)))
        return node("Reshape", [x, shape])
    }

    /// The axes in another order: axis `i` of the result is axis `permutation[i]` of `x`.
    public mutating func transpose(_ x: String, _ permutation: [Int]) -> String {
        node("Transpose", [x], [ONNXAttribute("perm", .ints(permutation.map(Int64.init)))])
    }

    /// The elementwise sum, with broadcasting.
    public mutating func add(_ a: String, _ b: String) -> String { node("Add", [a, b]) }

    /// The elementwise difference, with broadcasting.
    public mutating func subtract(_ a: String, _ b: String) -> String { node("Sub", [a, b]) }

    /// The elementwise product, with broadcasting.
    public mutating func multiply(_ a: String, _ b: String) -> String { node("Mul", [a, b]) }

    /// The elementwise quotient, with broadcasting.
    public mutating func divide(_ a: String, _ b: String) -> String { node("Div", [a, b]) }

    private static func window(strides: [Int], pads: [Int], dilations: [Int]) -> [ONNXAttribute] {
        [("strides", strides), ("pads", pads), ("dilations", dilations)]
            .filter { !$0.1.isEmpty }
            .map { ONNXAttribute($0.0, .ints($0.1.map(Int64.init))) }
    }
}
