import ModelImage

/// Transforms of signals, as matrix products and convolutions with known weights.
enum SignalOperators {
    static let rules: [String: OperatorRule] = [
        "DFT": OperatorRule(since: 17, transform), "STFT": OperatorRule(since: 17, shortTimeTransform),
        "MelWeightMatrix": OperatorRule(since: 17, melWeights),
    ]

    // MARK: - Whole axes

    /// The axis is an attribute before version 20 and an operand since. The last axis holds real and imaginary parts.
    private static func transform(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let shape = builder.shape(x)
        var number = node.version < 20 ? try node.int("axis", default: 1) : -2
        if node.version >= 20 { number = try SliceOperators.integers(builder, node, 2, "the axis")?.first ?? number }
        guard let axis = Extents.axis(number, rank: shape.count), axis < shape.count - 1,
            let parts = shape.last, (1...2).contains(parts)
        else { throw .invalid("axis \(number) of \(shape)") }
        let isInverse = try node.flag("inverse")
        let isOneSided = try node.flag("onesided")
        let usual = isInverse && isOneSided ? 2 * (shape[axis] - 1) : shape[axis]
        let length = try SliceOperators.integers(builder, node, 1, "dft_length")?.first ?? usual
        guard (1...ImageLimits.window).contains(length) else {
            throw .unsupported("a transform of length \(length)", help: "use at most \(ImageLimits.window)")
        }
        let waves = Waves(
            elements: shape[axis], parts: parts, length: length, isInverse: isInverse, isOneSided: isOneSided)
        let others = shape.indices.filter { $0 != axis && $0 != shape.count - 1 }
        let order = others + [axis, shape.count - 1]
        let rows = try builder.reshape(
            builder.emit(.transpose(order), .none, [x]),
            to: [others.map { shape[$0] }.reduce(1, *), shape[axis] * parts])
        let product = try builder.emit(.dense, .none, [rows, waves.matrix(&builder)])
        let moved = try builder.reshape(product, to: others.map { shape[$0] } + [waves.bins, waves.resultParts])
        return [try builder.emit(.transpose(shape.indices.map { order.firstIndex(of: $0) ?? $0 }), .none, [moved])]
    }

    // MARK: - Frames

    /// A convolution whose kernels are the window's products with the waves.
    private static func shortTimeTransform(
        _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> [ValueID] {
        let signal = try node.input(0)
        var shape = builder.shape(signal)
        if shape.count == 2 { shape.append(1) }
        let step = try SliceOperators.integers(builder, node, 1, "frame_step")?.first
        let windowLength = node.optional(2).map { builder.shape($0).reduce(1, *) }
        let length = try SliceOperators.integers(builder, node, 3, "frame_length")?.first ?? windowLength
        guard shape.count == 3, (1...2).contains(shape[2]), let step, let length,
            (1...ImageLimits.window).contains(step), (1...min(shape[1], ImageLimits.window)).contains(length),
            windowLength == nil || windowLength == length
        else { throw .invalid("frames do not fit a signal of \(shape)") }
        let waves = Waves(
            elements: length, parts: shape[2], length: length, isInverse: false,
            isOneSided: try node.int("onesided", default: 1) != 0)
        var kernels = try waves.kernels(&builder)
        if let window = node.optional(2) {
            kernels = try builder.combine(.multiply, kernels, builder.reshape(window, to: [length]))
        }
        let channelsFirst = try builder.emit(
            .transpose([0, 2, 1]), .none, [builder.reshape(signal, to: shape)])
        let window = SpatialWindow(
            kernel: [length], strides: [step], dilations: [1], padsBefore: [0], padsAfter: [0],
            output: [(shape[1] - length) / step + 1])
        let bands = try ConvolutionOperators.convolve(channelsFirst, kernels, nil, window, groups: 1, &builder)
        let frames = try builder.emit(.transpose([0, 2, 1]), .none, [bands])
        return [try builder.reshape(frames, to: [shape[0], window.output[0], waves.bins, 2])]
    }

    // MARK: - Mel weights

    private static func melWeights(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        guard let bands = try SliceOperators.integers(builder, node, 0, "num_mel_bins")?.first,
            let length = try SliceOperators.integers(builder, node, 1, "dft_length")?.first,
            (1...ImageLimits.window).contains(bands), (1...ImageLimits.elements).contains(length)
        else { throw .invalid("num_mel_bins or dft_length is out of range") }
        var numbers: [ValueID] = []
        for index in 2...4 {
            let number = try builder.cast(node.input(index), to: .float64)
            numbers.append(try builder.reshape(number, to: []))
        }
        let weights = try builder.emit(
            .melWeights, words: [Int32(bands), Int32(length)], numbers, to: [length / 2 + 1, bands], .float64)
        let type = try ConstantOperators.elementType(try node.int("output_datatype", default: 1))
        return [try builder.cast(weights, to: type)]
    }
}

/// The weights of a discrete Fourier transform.
private struct Waves {
    /// Elements that are transformed; those from the length on are left out, and missing ones are zero.
    let elements: Int
    /// 1 for real elements, 2 for complex ones.
    let parts: Int
    let length: Int
    let isInverse: Bool
    let isOneSided: Bool

    /// Elements of the result.
    var bins: Int { isOneSided && !isInverse ? length / 2 + 1 : length }

    /// 2 unless the result is known to be real.
    var resultParts: Int { isOneSided && isInverse ? 1 : 2 }

    /// `[elements·parts, bins·resultParts]`.
    func matrix(_ builder: inout GraphBuilder) throws(Refusal) -> ValueID {
        try constant(&builder, [elements * parts, bins * resultParts]) { row, column in
            weight(row / parts, row % parts, column / resultParts, column % resultParts)
        }
    }

    /// The same as kernels of a convolution, `[bins·resultParts, parts, elements]`.
    func kernels(_ builder: inout GraphBuilder) throws(Refusal) -> ValueID {
        let flat = try constant(&builder, [bins * resultParts, parts * elements]) { row, column in
            weight(column % elements, column / elements, row / resultParts, row % resultParts)
        }
        return try builder.reshape(flat, to: [bins * resultParts, parts, elements])
    }

    private func constant(
        _ builder: inout GraphBuilder, _ shape: [Int], _ weight: (Int, Int) -> Double
    ) throws(Refusal) -> ValueID {
        guard Extents.isModest(shape) else {
            throw .unsupported("the weights of a transform of length \(length)", help: "use shorter frames")
        }
        try builder.reserve(4 * shape[0] * shape[1])
        var values: [Float] = []
        values.reserveCapacity(shape[0] * shape[1])
        for row in 0..<shape[0] {
            for column in 0..<shape[1] { values.append(Float(weight(row, column))) }
        }
        return try builder.constant(Constant(floats: values, shape: shape))
    }

    /// What part `part` of element `element` adds to part `resultPart` of bin `bin`.
    private func weight(_ element: Int, _ part: Int, _ bin: Int, _ resultPart: Int) -> Double {
        let isMirrored = isOneSided && isInverse
        guard element < (isMirrored ? length / 2 + 1 : length) else { return 0 }
        let turn = element * bin % length
        let value: Double
        if part == resultPart {
            value = Self.cosine(turn, of: length)
        } else {
            let sine = Self.sine(turn, of: length)
            value = (part == 0) == isInverse ? sine : -sine
        }
        // A one-sided spectrum stands for the other side too.
        let isDouble = isMirrored && element != 0 && 2 * element != length
        return (isDouble ? 2 * value : value) / (isInverse ? Double(length) : 1)
    }

    /// `cos(2π·turn/length)`, exact where it is 0 or ±1.
    private static func cosine(_ turn: Int, of length: Int) -> Double {
        let near = min(turn, length - turn)
        if 4 * near > length { return -cosine(length - 2 * near, of: 2 * length) }
        if 8 * near <= length { return series(Double(near) / Double(length), first: 0) }
        return series(Double(length - 4 * near) / Double(4 * length), first: 1)
    }

    private static func sine(_ turn: Int, of length: Int) -> Double {
        // sin(x) = cos(x − a quarter)
        let quarter = (4 * turn - length) % (4 * length)
        return cosine(quarter < 0 ? quarter + 4 * length : quarter, of: 4 * length)
    }

    /// The power series of the cosine (`first` 0) or sine (`first` 1) of `2π·turns`, at most an eighth of a turn.
    private static func series(_ turns: Double, first: Int) -> Double {
        let x = 2 * Double.pi * turns
        var term = first == 0 ? 1 : x
        var sum = term
        for power in stride(from: first + 1, to: 24, by: 2) {
            term *= -x * x / Double(power * (power + 1))
            sum += term
        }
        return sum
    }
}
