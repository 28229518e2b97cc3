// Field numbers: onnx.proto of ONNX 1.23 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). Unknown fields are skipped.

extension ONNXModel {
    /// Reads a model from the bytes of an `.onnx` file.
    ///
    /// Memory stays within a small multiple of the file: at most 8 bytes of tensor data per byte (packed integers), plus
    /// the Swift values of at most ``ONNXLimits/maximumMessages`` messages.
    public init(parsing bytes: [UInt8], limits: ONNXLimits = ONNXLimits()) throws(ONNXError) {
        let reader = try ProtobufReader(bytes, limits: limits)
        var budget = MessageBudget(remaining: limits.maximumMessages)
        try self.init(reader, &budget)
    }

    init(_ source: ProtobufReader, _ budget: inout MessageBudget) throws(ONNXError) {
        var reader = source
        var graph: ONNXGraph?
        self.init(irVersion: 0, operatorSets: [], graph: ONNXGraph(name: ""))
        while let field = try reader.next() {
            switch field.number {
            case 1: irVersion = try reader.integer(field)
            case 2: producerName = try reader.text(field)
            case 3: producerVersion = try reader.text(field)
            case 4: domain = try reader.text(field)
            case 5: modelVersion = try reader.integer(field)
            case 6: documentation = try reader.text(field)
            case 7: graph = try ONNXGraph(reader.message(field, &budget), &budget)
            case 8: operatorSets.append(try ONNXOperatorSet(reader.message(field, &budget)))
            case 14: metadata.append(try ONNXMetadata(reader.message(field, &budget)))
            case 25: functions.append(try ONNXFunction(reader.message(field, &budget), &budget))
            default: break
            }
        }
        guard let graph else {
            throw ONNXError(.missing, "the file holds no graph: it is not an ONNX model, or it is cut short", offset: 0)
        }
        self.graph = graph
    }
}

extension ONNXOperatorSet {
    init(_ source: ProtobufReader) throws(ONNXError) {
        var reader = source
        self.init(version: 0)
        while let field = try reader.next() {
            switch field.number {
            case 1: domain = try reader.text(field)
            case 2: version = try reader.integer(field)
            default: break
            }
        }
    }
}

extension ONNXMetadata {
    init(_ source: ProtobufReader) throws(ONNXError) {
        var reader = source
        self.init(key: "", value: "")
        while let field = try reader.next() {
            switch field.number {
            case 1: key = try reader.text(field)
            case 2: value = try reader.text(field)
            default: break
            }
        }
    }
}

extension ONNXFunction {
    init(_ source: ProtobufReader, _ budget: inout MessageBudget) throws(ONNXError) {
        var reader = source
        self.init(name: "", domain: "")
        while let field = try reader.next() {
            switch field.number {
            case 1: name = try reader.text(field)
            case 4: inputs.append(try reader.text(field))
            case 5: outputs.append(try reader.text(field))
            case 6: attributes.append(try reader.text(field))
            case 7: nodes.append(try ONNXNode(reader.message(field, &budget), &budget))
            case 8: documentation = try reader.text(field)
            case 9: operatorSets.append(try ONNXOperatorSet(reader.message(field, &budget)))
            case 10: domain = try reader.text(field)
            case 11: defaultAttributes.append(try ONNXAttribute(reader.message(field, &budget), &budget))
            case 12: valueInfo.append(try ONNXValueInfo(reader.message(field, &budget), &budget))
            case 13: overload = try reader.text(field)
            default: break
            }
        }
    }
}
