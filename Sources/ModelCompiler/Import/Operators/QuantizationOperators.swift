import ModelImage

/// QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear.
enum QuantizationOperators {
    static let rules: [String: OperatorRule] = microsoft.merging([
        "DynamicQuantizeLinear": OperatorRule(since: 11, dynamic)
    ]) { first, _ in first }

    /// The same names stand in ONNX Runtime's domain for models of older operator sets.
    static let microsoft: [String: OperatorRule] = [
        "QuantizeLinear": OperatorRule(quantize), "DequantizeLinear": OperatorRule(dequantize),
    ]

    private static func quantize(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        var type = node.optional(2).map { builder.elementType($0) } ?? .uint8
        if let declared = try node.int("output_dtype"), declared != 0 {
            guard let known = UInt8(exactly: declared).flatMap(ElementType.init(rawValue:)) else {
                throw .unsupported("output_dtype \(declared)", help: "quantize to int8 or uint8")
            }
            type = known
        }
        return [try builder.quantize(try node.input(0), by: operands(node), to: type)]
    }

    private static func dequantize(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        if let declared = try node.int("output_dtype"), declared != 0, declared != Int(ElementType.float32.rawValue) {
            throw .unsupported("output_dtype \(declared)", help: "dequantize to float32")
        }
        return [try builder.dequantize(try node.input(0), by: operands(node))]
    }

    private static func operands(_ node: ImportedNode) throws(Refusal) -> QuantizationOperands {
        let blockSize = try node.int("block_size", default: 0)
        guard (0...ImageLimits.elements).contains(blockSize) else {
            throw .invalid("block_size \(blockSize) is no number of elements")
        }
        return QuantizationOperands(
            scale: try node.input(1), zeroPoint: node.optional(2), axis: try node.int("axis", default: 1),
            blockSize: blockSize)
    }

    /// `x → y uint8, scale, zeroPoint`: the range of x with 0 in it is mapped to 0...255.
    private static func dynamic(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let axes = Array(builder.shape(x).indices)
        let zero = try builder.scalar(0)
        let largest = try builder.combine(
            .maximum, builder.reduce(.maximum, x, axes: axes, keepsAxes: false), zero)
        let smallest = try builder.combine(
            .minimum, builder.reduce(.minimum, x, axes: axes, keepsAxes: false), zero)
        let span = try builder.combine(.subtract, largest, smallest)
        // Where all elements are 0 any scale will do.
        let isFlat = try builder.combine(.equal, span, zero)
        let scale = try builder.select(
            isFlat, builder.scalar(1), builder.combine(.divide, span, builder.scalar(255)))
        let lowest = try builder.combine(.divide, builder.combine(.subtract, zero, smallest), scale)
        let zeroPoint = try builder.cast(
            builder.emit(Activation(.clip, alpha: 0, beta: 255), builder.emit(Activation(.round), lowest)),
            to: .uint8)
        let quantized = try builder.quantize(
            x, by: QuantizationOperands(scale: scale, zeroPoint: zeroPoint, axis: 0), to: .uint8)
        return [quantized, scale, zeroPoint]
    }
}
