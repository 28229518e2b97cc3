import ModelImage

/// The operands of a quantizing or dequantizing node that say what the stored numbers mean.
struct QuantizationOperands {
    /// One, one for each index of the axis, or one for each block.
    var scale: ValueID
    /// As many as scales; nil is 0.
    var zeroPoint: ValueID?
    /// As declared: negative counts from the end; not looked at where the scale is single.
    var axis: Int
    /// How many neighbours along the axis share a scale; 0: the scale is no tensor of blocks.
    var blockSize = 0

    /// The axis, counted from the front.
    func axis(of target: [Int]) -> Int { axis < 0 ? axis + target.count : axis }
}

/// Between numbers and what they stand for.
extension GraphBuilder {
    /// `saturate(round(x / scale) + zeroPoint)`, halves to even.
    mutating func quantize(
        _ x: ValueID, by operands: QuantizationOperands, to type: ElementType
    ) throws(Refusal) -> ValueID {
        guard elementType(x) == .float32 else {
            throw .unsupported("it quantizes \(elementType(x))", help: "quantize float32")
        }
        guard type == .int8 || type == .uint8 || type == .int16 else {
            throw .unsupported("it quantizes to \(type)", help: "quantize activations to int8 or uint8")
        }
        try check(operands, shape(x))
        guard type != .int16, let parameters = try parameters(operands, shape(x)) else {
            return try computed(quantizing: x, operands, to: type)
        }
        if let constant = constant(x) { return try self.constant(parameters.quantized(constant, to: type)) }
        return try emit(
            .quantized(.quantize(to: type, axis: parameters.axis)), .none, [x] + parameters.constants(&self))
    }

    /// `(x − zeroPoint) · scale`. Constants are dequantized at once and remember where they came from, so that
    /// ``IntegerKernels`` can take the integers instead.
    mutating func dequantize(_ x: ValueID, by operands: QuantizationOperands) throws(Refusal) -> ValueID {
        let type = elementType(x)
        guard [.int8, .uint8, .int16, .int32].contains(type) else {
            throw .unsupported("it dequantizes \(type)", help: "use int8 or uint8")
        }
        try check(operands, shape(x))
        guard let parameters = try parameters(operands, shape(x)) else {
            return try computed(dequantizing: x, operands)
        }
        if let stored = constant(x) {
            let origin = QuantizedConstant(
                stored: stored, scales: parameters.scales, zeroPoints: parameters.zeroPoints, axis: parameters.axis)
            guard let floats = origin.dequantized else { throw .invalid("it dequantizes \(type)") }
            let value = try constant(floats)
            graph[value].origin = origin
            return value
        }
        guard type == .int8 || type == .uint8 else { return try computed(dequantizing: x, operands) }
        return try emit(.quantized(.dequantize(axis: parameters.axis)), .none, [x] + parameters.constants(&self))
    }

    // MARK: - Scales that are computed at run time

    private mutating func computed(
        quantizing x: ValueID, _ operands: QuantizationOperands, to type: ElementType
    ) throws(Refusal) -> ValueID {
        let steps = try emit(
            Activation(.round), combine(.divide, x, aligned(operands.scale, operands, shape(x))))
        var stored = steps
        if let zeroPoint = operands.zeroPoint {
            stored = try combine(.add, steps, cast(aligned(zeroPoint, operands, shape(x)), to: .float32))
        }
        let range: (Float, Float) =
            switch type {
            case .int8: (-128, 127)
            case .uint8: (0, 255)
            default: (-32768, 32767)
            }
        return try cast(emit(Activation(.clip, alpha: range.0, beta: range.1), stored), to: type)
    }

    private mutating func computed(
        dequantizing x: ValueID, _ operands: QuantizationOperands
    ) throws(Refusal) -> ValueID {
        var steps = x
        if let zeroPoint = operands.zeroPoint {
            steps = try combine(
                .subtract, cast(x, to: .int32), cast(aligned(zeroPoint, operands, shape(x)), to: .int32))
        }
        return try combine(.multiply, cast(steps, to: .float32), aligned(operands.scale, operands, shape(x)))
    }

    /// A scale or zero point in a shape that broadcasts along its axis; one of blocks, repeated to the whole shape.
    private mutating func aligned(
        _ value: ValueID, _ operands: QuantizationOperands, _ target: [Int]
    ) throws(Refusal) -> ValueID {
        let axis = operands.axis(of: target)
        if operands.blockSize > 0 {
            var apart = shape(value)
            apart.insert(1, at: axis + 1)
            var repeated = apart
            repeated[axis + 1] = operands.blockSize
            return try reshape(expand(reshape(value, to: apart), to: repeated), to: target)
        }
        let count = shape(value).reduce(1, *)
        if count == 1 { return try reshape(value, to: []) }
        return try reshape(value, to: [count] + target.dropFirst(axis + 1).map { _ in 1 })
    }

    // MARK: - Checks

    /// Scales are single, a vector along the axis or a tensor of whole blocks, and zero points as many.
    private func check(_ operands: QuantizationOperands, _ target: [Int]) throws(Refusal) {
        let scales = shape(operands.scale)
        guard elementType(operands.scale) == .float32 else {
            throw .unsupported("scales of \(elementType(operands.scale))", help: "use float32")
        }
        let count = scales.reduce(1, *)
        if let zeroPoint = operands.zeroPoint, shape(zeroPoint).reduce(1, *) != count {
            throw .invalid("zero points \(shape(zeroPoint)) do not fit scales \(scales)")
        }
        let axis = operands.axis(of: target)
        if operands.blockSize > 0 {
            var covered = scales
            if covered.indices.contains(axis) { covered[axis] *= operands.blockSize }
            guard covered == target else {
                throw .unsupported(
                    "scales \(scales) of blocks of \(operands.blockSize) along axis \(operands.axis) of \(target)",
                    help: "use blocks that divide the axis")
            }
            return
        }
        if count == 1, scales.count <= 1 { return }
        guard scales.count == 1, target.indices.contains(axis), target[axis] == count else {
            throw .invalid("scales \(scales) do not fit axis \(operands.axis) of \(target)")
        }
    }

    /// Scales and zero points that are known now; nil when they are computed at run time, or stand for blocks.
    private func parameters(
        _ operands: QuantizationOperands, _ target: [Int]
    ) throws(Refusal) -> QuantizationParameters? {
        guard operands.blockSize == 0, let scales = constant(operands.scale)?.floats else { return nil }
        guard scales.allSatisfy({ $0 > 0 && $0.isFinite }) else {
            throw .unsupported("a scale is not a positive number", help: "quantize the model again")
        }
        var zeroPoints = scales.map { _ in Int64(0) }
        if let id = operands.zeroPoint {
            guard let known = constant(id)?.integers else { return nil }
            zeroPoints = known
        }
        return QuantizationParameters(
            scales: scales, zeroPoints: zeroPoints, axis: scales.count == 1 ? 0 : operands.axis(of: target))
    }
}

/// Scales and zero points that are known when a model is compiled.
struct QuantizationParameters {
    var scales: [Float]
    var zeroPoints: [Int64]
    var axis: Int

    /// The constants that the graph's operations take.
    func constants(_ builder: inout GraphBuilder) throws(Refusal) -> [ValueID?] {
        [
            try builder.constant(Constant(floats: scales, shape: [scales.count])),
            try builder.constant(Constant(integers: zeroPoints, shape: [zeroPoints.count], elementType: .int32)),
        ]
    }

    /// `saturate(round(x / scale) + zeroPoint)`, halves to even.
    func quantized(_ constant: Constant, to type: ElementType) -> Constant {
        let inner = constant.shape.dropFirst(axis + 1).reduce(1, *)
        let integers = (constant.floats ?? []).enumerated().map { index, value in
            let channel = scales.count == 1 ? 0 : index / inner % scales.count
            return ByteQuantization(scale: scales[channel], zeroPoint: Int(zeroPoints[channel]), type: type)
                .stored(value)
        }
        return Constant(integers: integers, shape: constant.shape, elementType: type)
    }
}
