extension ONNXGraph {
    init(_ source: ProtobufReader, _ budget: inout MessageBudget) throws(ONNXError) {
        var reader = source
        self.init(name: "")
        while let field = try reader.next() {
            switch field.number {
            case 1: nodes.append(try ONNXNode(reader.message(field, &budget), &budget))
            case 2: name = try reader.text(field)
            case 5: initializers.append(try ONNXTensor(reader.message(field, &budget), &budget))
            case 10: documentation = try reader.text(field)
            case 11: inputs.append(try ONNXValueInfo(reader.message(field, &budget), &budget))
            case 12: outputs.append(try ONNXValueInfo(reader.message(field, &budget), &budget))
            case 13: valueInfo.append(try ONNXValueInfo(reader.message(field, &budget), &budget))
            case 15: sparseInitializers.append(try ONNXSparseTensor(reader.message(field, &budget), &budget))
            default: break
            }
        }
    }
}

extension ONNXNode {
    init(_ source: ProtobufReader, _ budget: inout MessageBudget) throws(ONNXError) {
        var reader = source
        self.init("", inputs: [], outputs: [])
        while let field = try reader.next() {
            switch field.number {
            case 1: inputs.append(try reader.text(field))
            case 2: outputs.append(try reader.text(field))
            case 3: name = try reader.text(field)
            case 4: operatorType = try reader.text(field)
            case 5: attributes.append(try ONNXAttribute(reader.message(field, &budget), &budget))
            case 6: documentation = try reader.text(field)
            case 7: domain = try reader.text(field)
            case 8: overload = try reader.text(field)
            default: break
            }
        }
    }
}

/// The parts of an `AttributeProto` before its type is known; only one of them means anything.
private struct AttributeParts {
    var float: Float = 0
    var int: Int64 = 0
    var string: [UInt8] = []
    var tensor: ONNXTensor?
    var graph: ONNXGraph?
    var sparseTensor: ONNXSparseTensor?
    var type: ONNXType?
    var floats: [UInt8] = []
    var ints: [Int64] = []
    var strings: [[UInt8]] = []
    var tensors: [ONNXTensor] = []
    var graphs: [ONNXGraph] = []
    var sparseTensors: [ONNXSparseTensor] = []
    var types: [ONNXType] = []
    /// The kind that the last value field implies, for writers that leave the type out (IR version 1).
    var impliedKind: Int64 = 0

    /// Takes in a field that carries a value; says whether it was one.
    mutating func take(
        _ field: ProtobufField, of reader: ProtobufReader, _ budget: inout MessageBudget
    ) throws(ONNXError) -> Bool {
        switch field.number {
        case 2: (float, impliedKind) = (try reader.float(field), 1)
        case 3: (int, impliedKind) = (try reader.integer(field), 2)
        case 4: (string, impliedKind) = (try reader.data(field), 3)
        case 5: (tensor, impliedKind) = (try ONNXTensor(reader.message(field, &budget), &budget), 4)
        case 6: (graph, impliedKind) = (try ONNXGraph(reader.message(field, &budget), &budget), 5)
        case 7:
            try reader.appendFixed(field, width: 4, to: &floats)
            impliedKind = 6
        case 8:
            try reader.appendIntegers(field, to: &ints)
            impliedKind = 7
        case 9:
            strings.append(try reader.data(field))
            impliedKind = 8
        case 10:
            tensors.append(try ONNXTensor(reader.message(field, &budget), &budget))
            impliedKind = 9
        case 11:
            graphs.append(try ONNXGraph(reader.message(field, &budget), &budget))
            impliedKind = 10
        case 14: (type, impliedKind) = (try ONNXType(reader.message(field, &budget), &budget), 13)
        case 15:
            types.append(try ONNXType(reader.message(field, &budget), &budget))
            impliedKind = 14
        case 22: (sparseTensor, impliedKind) = (try ONNXSparseTensor(reader.message(field, &budget), &budget), 11)
        case 23:
            sparseTensors.append(try ONNXSparseTensor(reader.message(field, &budget), &budget))
            impliedKind = 12
        default: return false
        }
        return true
    }

    /// The value of a kind (a number of `AttributeProto.AttributeType`), or `nil` if there is no such kind or value.
    func value(kind: Int64) -> ONNXAttribute.Value? {
        switch kind {
        case 1: .float(float)
        case 2: .int(int)
        case 3: .string(string)
        case 4: tensor.map { .tensor($0) }
        case 5: graph.map { .graph($0) }
        case 6: .floats(floats.littleEndianValues(UInt32.self).map { Float(bitPattern: $0) })
        case 7: .ints(ints)
        case 8: .strings(strings)
        case 9: .tensors(tensors)
        case 10: .graphs(graphs)
        case 11: sparseTensor.map { .sparseTensor($0) }
        case 12: .sparseTensors(sparseTensors)
        case 13: type.map { .type($0) }
        case 14: .types(types)
        default: nil
        }
    }
}

extension ONNXAttribute {
    init(_ source: ProtobufReader, _ budget: inout MessageBudget) throws(ONNXError) {
        var reader = source
        let start = reader.position
        var parts = AttributeParts()
        var name = ""
        var documentation = ""
        var reference = ""
        var kind: Int64 = 0
        while let field = try reader.next() {
            if try parts.take(field, of: reader, &budget) { continue }
            switch field.number {
            case 1: name = try reader.text(field)
            case 13: documentation = try reader.text(field)
            case 20: kind = try reader.integer(field)
            case 21: reference = try reader.text(field)
            default: break
            }
        }
        if !reference.isEmpty {
            self.init(name, .reference(reference, kind: kind), documentation: documentation)
            return
        }
        guard let value = parts.value(kind: kind == 0 ? parts.impliedKind : kind) else {
            throw ONNXError(.malformed, "attribute \"\(name)\" of type \(kind) has no value", offset: start)
        }
        self.init(name, value, documentation: documentation)
    }
}
