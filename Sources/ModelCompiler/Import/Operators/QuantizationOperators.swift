import ModelImage

/// QuantizeLinear and DequantizeLinear as operations of their own. Constants are dequantized at once and remember
/// where they came from, so that `IntegerKernels` can take the integers instead.
enum QuantizationOperators {
    static let rules: [String: OperatorRule] = [
        "QuantizeLinear": OperatorRule(since: 10, quantize), "DequantizeLinear": OperatorRule(since: 10, dequantize),
    ]

    private static func quantize(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        var type = node.optional(2).map { builder.elementType($0) } ?? .uint8
        if let declared = try node.int("output_dtype"), declared != 0 {
            guard let known = UInt8(exactly: declared).flatMap(ElementType.init(rawValue:)) else {
                throw .unsupported("output_dtype \(declared)", help: "quantize to int8 or uint8")
            }
            type = known
        }
        guard builder.elementType(x) == .float32 else {
            throw .unsupported("it quantizes \(builder.elementType(x))", help: "quantize float32")
        }
        guard type == .int8 || type == .uint8 else {
            throw .unsupported("it quantizes to \(type)", help: "quantize activations to int8 or uint8")
        }
        let parameters = try parameters(builder, node, shape: builder.shape(x))
        if let constant = builder.constant(x) {
            return [try builder.constant(parameters.quantized(constant, to: type))]
        }
        let operation = GraphOperation.quantized(.quantize(to: type, axis: parameters.axis))
        return [try builder.emit(operation, .none, [x] + parameters.constants(&builder))]
    }

    private static func dequantize(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        if let declared = try node.int("output_dtype"), declared != 0, declared != Int(ElementType.float32.rawValue) {
            throw .unsupported("output_dtype \(declared)", help: "dequantize to float32")
        }
        let parameters = try parameters(builder, node, shape: builder.shape(x))
        if let stored = builder.constant(x) {
            let origin = QuantizedConstant(
                stored: stored, scales: parameters.scales, zeroPoints: parameters.zeroPoints, axis: parameters.axis)
            guard let floats = origin.dequantized else { throw .invalid("it dequantizes \(stored.elementType)") }
            let value = try builder.constant(floats)
            builder.graph[value].origin = origin
            return [value]
        }
        guard builder.elementType(x) == .int8 || builder.elementType(x) == .uint8 else {
            throw .unsupported("it dequantizes \(builder.elementType(x)) at run time", help: "use int8 or uint8")
        }
        let operation = GraphOperation.quantized(.dequantize(axis: parameters.axis))
        return [try builder.emit(operation, .none, [x] + parameters.constants(&builder))]
    }

    /// Scales and zero points of a node.
    private struct Parameters {
        var scales: [Float]
        var zeroPoints: [Int64]
        var axis: Int

        /// The constants that the graph's operations take.
        func constants(_ builder: inout GraphBuilder) throws(Refusal) -> [ValueID?] {
            [
                try builder.constant(Constant(floats: scales, shape: [scales.count])),
                try builder.constant(
                    Constant(integers: zeroPoints, shape: [zeroPoints.count], elementType: .int32)),
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

    private static func parameters(
        _ builder: GraphBuilder, _ node: ImportedNode, shape: [Int]
    ) throws(Refusal) -> Parameters {
        guard let scale = builder.constant(try node.input(1)), let scales = scale.floats else {
            throw .mustBeConstant("the scale")
        }
        guard try node.int("block_size", default: 0) == 0 else {
            throw .unsupported("scales of blocks", help: "use one scale, or one per index of an axis")
        }
        var zeroPoints = scales.map { _ in Int64(0) }
        if let id = node.optional(2) {
            guard let known = builder.constant(id)?.integers else { throw .mustBeConstant("the zero point") }
            guard known.count == scales.count else {
                throw .invalid("\(known.count) zero points do not fit \(scales.count) scales")
            }
            zeroPoints = known
        }
        guard scales.allSatisfy({ $0 > 0 && $0.isFinite }) else {
            throw .unsupported("a scale is not a positive number", help: "quantize the model again")
        }
        if scale.shape.count <= 1, scales.count == 1 {
            return Parameters(scales: scales, zeroPoints: zeroPoints, axis: 0)
        }
        let declared = try node.int("axis", default: 1)
        let axis = declared < 0 ? declared + shape.count : declared
        guard scale.shape.count == 1, shape.indices.contains(axis), shape[axis] == scales.count else {
            throw .invalid("scales \(scale.shape) do not fit axis \(declared) of \(shape)")
        }
        return Parameters(scales: scales, zeroPoints: zeroPoints, axis: axis)
    }
}

/// One scale and zero point: `real = scale · (stored − zeroPoint)`.
struct ByteQuantization: Equatable, Sendable {
    var scale: Float
    var zeroPoint: Int
    var type: ElementType

    /// The numbers of the type.
    var range: ClosedRange<Int> { type == .int8 ? -128...127 : 0...255 }

    /// The nearest stored number, halves to even, within the type's range.
    func stored(_ value: Float) -> Int64 {
        let steps = (value / scale).rounded(.toNearestOrEven)
        guard !steps.isNaN else { return Int64(zeroPoint) }
        let bounded = max(-1024, min(1024, steps))
        return Int64(max(range.lowerBound, min(range.upperBound, Int(bounded) + zeroPoint)))
    }

    /// What results become that an activation bounds; nil for activations that do more than that.
    func bytes(_ activation: Activation) -> ByteRange? {
        let (low, high) = (Int64(range.lowerBound), Int64(range.upperBound))
        switch activation.function {
        case .identity: return ByteRange(zeroPoint: zeroPoint, low: Int(low), high: Int(high))
        case .relu: return ByteRange(zeroPoint: zeroPoint, low: Int(stored(0)), high: Int(high))
        case .clip where activation.alpha <= activation.beta:
            return ByteRange(
                zeroPoint: zeroPoint, low: Int(stored(activation.alpha)), high: Int(stored(activation.beta)))
        default: return nil
        }
    }
}
