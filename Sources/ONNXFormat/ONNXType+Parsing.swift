extension ONNXValueInfo {
    init(_ source: ProtobufReader, _ budget: inout MessageBudget) throws(ONNXError) {
        var reader = source
        self.init(name: "", type: nil)
        while let field = try reader.next() {
            switch field.number {
            case 1: name = try reader.text(field)
            case 2: type = try ONNXType(reader.message(field, &budget), &budget)
            case 3: documentation = try reader.text(field)
            default: break
            }
        }
    }
}

extension ONNXType {
    init(_ source: ProtobufReader, _ budget: inout MessageBudget) throws(ONNXError) {
        var reader = source
        self = .undefined
        while let field = try reader.next() {
            switch field.number {
            case 1:
                let tensor = try Self.tensorParts(reader.message(field, &budget), &budget)
                self = .tensor(tensor.type, shape: tensor.shape)
            case 4: self = .sequence(try Self.element(reader.message(field, &budget), &budget))
            case 5: self = try Self.map(reader.message(field, &budget), &budget)
            case 8:
                let tensor = try Self.tensorParts(reader.message(field, &budget), &budget)
                self = .sparseTensor(tensor.type, shape: tensor.shape)
            case 9: self = .optional(try Self.element(reader.message(field, &budget), &budget))
            default: break
            }
        }
    }

    private static func tensorParts(
        _ source: ProtobufReader, _ budget: inout MessageBudget
    ) throws(ONNXError) -> (type: ONNXElementType, shape: [ONNXDimension]?) {
        var reader = source
        var type = ONNXElementType.undefined
        var shape: [ONNXDimension]?
        while let field = try reader.next() {
            switch field.number {
            case 1: type = try ONNXElementType(number: reader.integer(field), offset: field.offset)
            case 2: shape = try dimensions(reader.message(field, &budget), &budget)
            default: break
            }
        }
        return (type, shape)
    }

    private static func dimensions(
        _ source: ProtobufReader, _ budget: inout MessageBudget
    ) throws(ONNXError) -> [ONNXDimension] {
        var reader = source
        var dims: [ONNXDimension] = []
        while let field = try reader.next() {
            guard field.number == 1 else { continue }
            guard dims.count < reader.limits.maximumRank else {
                throw ONNXError(
                    .limitExceeded, "a shape of more than maximumRank \(reader.limits.maximumRank) dimensions",
                    offset: field.offset)
            }
            dims.append(try dimension(reader.message(field, &budget)))
        }
        return dims
    }

    private static func dimension(_ source: ProtobufReader) throws(ONNXError) -> ONNXDimension {
        var reader = source
        var dimension = ONNXDimension.unknown
        while let field = try reader.next() {
            switch field.number {
            case 1:
                // Some writers put -1 for "not known".
                let value = try reader.integer(field)
                dimension = value < 0 ? .unknown : .value(Int(value))
            case 2:
                let symbol = try reader.text(field)
                dimension = symbol.isEmpty ? .unknown : .symbol(symbol)
            default: break
            }
        }
        return dimension
    }

    /// The element type of a sequence or optional.
    private static func element(
        _ source: ProtobufReader, _ budget: inout MessageBudget
    ) throws(ONNXError) -> ONNXType {
        var reader = source
        var type = ONNXType.undefined
        while let field = try reader.next() {
            guard field.number == 1 else { continue }
            type = try ONNXType(reader.message(field, &budget), &budget)
        }
        return type
    }

    private static func map(_ source: ProtobufReader, _ budget: inout MessageBudget) throws(ONNXError) -> ONNXType {
        var reader = source
        var key = ONNXElementType.undefined
        var value = ONNXType.undefined
        while let field = try reader.next() {
            switch field.number {
            case 1: key = try ONNXElementType(number: reader.integer(field), offset: field.offset)
            case 2: value = try ONNXType(reader.message(field, &budget), &budget)
            default: break
            }
        }
        return .map(key: key, value: value)
    }
}
