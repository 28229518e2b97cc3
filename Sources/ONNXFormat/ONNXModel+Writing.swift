extension ONNXModel {
    /// The bytes of an `.onnx` file. Equal models give equal bytes; reading them back gives an equal model.
    public func serialized() -> [UInt8] {
        var writer = ProtobufWriter()
        writer.integer(1, irVersion)
        writer.optionalText(2, producerName)
        writer.optionalText(3, producerVersion)
        writer.optionalText(4, domain)
        if modelVersion != 0 { writer.integer(5, modelVersion) }
        writer.optionalText(6, documentation)
        writer.message(7, graph.write)
        for set in operatorSets { writer.message(8, set.write) }
        for entry in metadata { writer.message(14, entry.write) }
        for function in functions { writer.message(25, function.write) }
        return writer.bytes
    }
}

extension ONNXOperatorSet {
    func write(to writer: inout ProtobufWriter) {
        writer.optionalText(1, domain)
        writer.integer(2, version)
    }
}

extension ONNXMetadata {
    func write(to writer: inout ProtobufWriter) {
        writer.text(1, key)
        writer.text(2, value)
    }
}

extension ONNXFunction {
    func write(to writer: inout ProtobufWriter) {
        writer.text(1, name)
        for input in inputs { writer.text(4, input) }
        for output in outputs { writer.text(5, output) }
        for attribute in attributes { writer.text(6, attribute) }
        for node in nodes { writer.message(7, node.write) }
        writer.optionalText(8, documentation)
        for set in operatorSets { writer.message(9, set.write) }
        writer.optionalText(10, domain)
        for attribute in defaultAttributes { writer.message(11, attribute.write) }
        for info in valueInfo { writer.message(12, info.write) }
        writer.optionalText(13, overload)
    }
}

extension ONNXGraph {
    func write(to writer: inout ProtobufWriter) {
        for node in nodes { writer.message(1, node.write) }
        writer.text(2, name)
        for tensor in initializers { writer.message(5, tensor.write) }
        writer.optionalText(10, documentation)
        for input in inputs { writer.message(11, input.write) }
        for output in outputs { writer.message(12, output.write) }
        for info in valueInfo { writer.message(13, info.write) }
        for tensor in sparseInitializers { writer.message(15, tensor.write) }
    }
}

extension ONNXNode {
    func write(to writer: inout ProtobufWriter) {
        for input in inputs { writer.text(1, input) }
        for output in outputs { writer.text(2, output) }
        writer.optionalText(3, name)
        writer.text(4, operatorType)
        for attribute in attributes { writer.message(5, attribute.write) }
        writer.optionalText(6, documentation)
        writer.optionalText(7, domain)
        writer.optionalText(8, overload)
    }
}

extension ONNXAttribute {
    func write(to writer: inout ProtobufWriter) {
        writer.text(1, name)
        writer.optionalText(13, documentation)
        writer.integer(20, value.kind)
        switch value {
        case .float(let value): writer.float(2, value)
        case .int(let value): writer.integer(3, value)
        case .string(let value): writer.data(4, value)
        case .tensor(let value): writer.message(5, value.write)
        case .graph(let value): writer.message(6, value.write)
        case .floats(let values): writer.packedFloats(7, values)
        case .ints(let values): writer.packedIntegers(8, values)
        case .strings(let values): for value in values { writer.data(9, value) }
        case .tensors(let values): for value in values { writer.message(10, value.write) }
        case .graphs(let values): for value in values { writer.message(11, value.write) }
        case .type(let value): writer.message(14, value.write)
        case .types(let values): for value in values { writer.message(15, value.write) }
        case .reference(let name, _): writer.text(21, name)
        case .sparseTensor(let value): writer.message(22, value.write)
        case .sparseTensors(let values): for value in values { writer.message(23, value.write) }
        }
    }
}

extension ONNXAttribute.Value {
    /// The number of the kind in `AttributeProto.AttributeType`.
    var kind: Int64 {
        switch self {
        case .float: 1
        case .int: 2
        case .string: 3
        case .tensor: 4
        case .graph: 5
        case .floats: 6
        case .ints: 7
        case .strings: 8
        case .tensors: 9
        case .graphs: 10
        case .sparseTensor: 11
        case .sparseTensors: 12
        case .type: 13
        case .types: 14
        case .reference(_, let kind): kind
        }
    }
}

extension ONNXTensor {
    /// The bytes of a file that holds this tensor alone, as ``init(parsing:limits:)`` reads it.
    public func serialized() -> [UInt8] {
        var writer = ProtobufWriter()
        write(to: &writer)
        return writer.bytes
    }

    func write(to writer: inout ProtobufWriter) {
        writer.packedIntegers(1, dims.map(Int64.init))
        writer.integer(2, Int64(elementType.rawValue))
        writer.optionalText(8, name)
        switch content {
        case .raw(let bytes): writer.data(9, bytes)
        case .strings(let values): for value in values { writer.data(6, value) }
        case .external(let entries):
            for entry in entries { writer.message(13, entry.write) }
            writer.integer(14, 1)
        }
        writer.optionalText(12, documentation)
    }
}

extension ONNXSparseTensor {
    func write(to writer: inout ProtobufWriter) {
        writer.message(1, values.write)
        writer.message(2, indices.write)
        writer.packedIntegers(3, dims.map(Int64.init))
    }
}

extension ONNXValueInfo {
    func write(to writer: inout ProtobufWriter) {
        writer.text(1, name)
        if let type { writer.message(2, type.write) }
        writer.optionalText(3, documentation)
    }
}

extension ONNXType {
    func write(to writer: inout ProtobufWriter) {
        switch self {
        case .tensor(let type, let shape): writer.message(1) { Self.write(type, shape, to: &$0) }
        case .sequence(let element): writer.message(4) { $0.message(1, element.write) }
        case .map(let key, let value):
            writer.message(5) { inner in
                inner.integer(1, Int64(key.rawValue))
                inner.message(2, value.write)
            }
        case .sparseTensor(let type, let shape): writer.message(8) { Self.write(type, shape, to: &$0) }
        case .optional(let element): writer.message(9) { $0.message(1, element.write) }
        case .undefined: break
        }
    }

    private static func write(_ type: ONNXElementType, _ shape: [ONNXDimension]?, to writer: inout ProtobufWriter) {
        writer.integer(1, Int64(type.rawValue))
        guard let shape else { return }
        writer.message(2) { inner in
            for dimension in shape {
                inner.message(1) { writer in
                    switch dimension {
                    case .value(let value): writer.integer(1, Int64(value))
                    case .symbol(let symbol): writer.text(2, symbol)
                    case .unknown: break
                    }
                }
            }
        }
    }
}
