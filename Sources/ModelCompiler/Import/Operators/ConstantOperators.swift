import ModelImage
import ONNXFormat

/// Operators whose result is known when the model is compiled.
enum ConstantOperators {
    static let rules: [String: OperatorRule] = [
        "Constant": OperatorRule { builder, node throws(Refusal) in [try builder.constant(constant(node))] },
        "ConstantOfShape": OperatorRule(since: 9, constantOfShape),
        "Shape": OperatorRule { builder, node throws(Refusal) in
            let shape = builder.shape(try node.input(0))
            let bounds = (try node.int("start", default: 0), try node.int("end", default: shape.count))
            let start = min(max(bounds.0 < 0 ? bounds.0 + shape.count : bounds.0, 0), shape.count)
            let end = min(max(bounds.1 < 0 ? bounds.1 + shape.count : bounds.1, start), shape.count)
            return [
                try builder.constant(
                    Constant(integers: shape[start..<end].map { Int64($0) }, shape: [end - start]))
            ]
        },
        "Size": OperatorRule { builder, node throws(Refusal) in
            let count = builder.shape(try node.input(0)).reduce(1, *)
            return [try builder.constant(Constant(integers: [Int64(count)], shape: []))]
        },
        "Cast": OperatorRule { builder, node throws(Refusal) in
            let number = try node.int("to", default: 0)
            return [try builder.cast(try node.input(0), to: try elementType(number))]
        },
        "CastLike": OperatorRule(since: 15) { builder, node throws(Refusal) in
            let type = builder.elementType(try node.input(1))
            return [try builder.cast(try node.input(0), to: type)]
        },
        "Range": OperatorRule(since: 11, range),
        "Expand": OperatorRule(since: 8, expand),
        "Tile": OperatorRule(tile),
    ]

    static func elementType(_ number: Int) throws(Refusal) -> ElementType {
        guard let type = UInt8(exactly: number).flatMap(ElementType.init(rawValue:)) else {
            throw .unsupported("element type \(number)", help: "use float32, or integers in constants")
        }
        return type
    }

    // MARK: - Constant

    private static func constant(_ node: ImportedNode) throws(Refusal) -> Constant {
        for attribute in node.node.attributes {
            switch (attribute.name, attribute.value) {
            case ("value", .tensor(let tensor)): return try Constant(tensor)
            case ("value_float", .float(let value)): return Constant(floats: [value], shape: [])
            case ("value_floats", .floats(let values)): return Constant(floats: values, shape: [values.count])
            case ("value_int", .int(let value)): return Constant(integers: [value], shape: [])
            case ("value_ints", .ints(let values)): return Constant(integers: values, shape: [values.count])
            default: continue
            }
        }
        throw .unsupported("it holds no tensor, float or integer", help: "use a dense numeric constant")
    }

    private static func constantOfShape(
        _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> [ValueID] {
        guard let shape = try SliceOperators.integers(builder, node, 0, "the shape") else {
            throw .invalid("input 0 is missing")
        }
        var value = Constant(floats: [0], shape: [1])
        if case .tensor(let tensor) = node.node.attribute("value") { value = try Constant(tensor) }
        guard value.count == 1, shape.allSatisfy({ $0 >= 0 }) else { throw .invalid("shape \(shape)") }
        return [try repeated(value, shape: shape, &builder)]
    }

    /// `value`, which broadcasts to `shape`, as a constant of that shape.
    private static func repeated(
        _ value: Constant, shape: [Int], _ builder: inout GraphBuilder
    ) throws(Refusal) -> ValueID {
        guard Extents.isModest(shape) else {
            throw .unsupported("shape \(shape) exceeds ImageLimits.elements", help: "use smaller tensors")
        }
        try builder.reserve(shape.reduce(1, *) * value.elementType.size)
        return try builder.constant(
            value.gathered(Extents.broadcastPositions(of: value.shape, to: shape), shape: shape))
    }

    // MARK: - Conversions and repetitions

    private static func range(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        var bounds: [ValueID] = []
        for index in 0..<3 { bounds.append(try node.input(index)) }
        let operands = bounds.compactMap { builder.constant($0) }
        guard operands.count == 3 else { return [try planned(bounds, &builder, node)] }
        let numbers = operands.compactMap(\.scalar)
        guard numbers.count == 3, numbers[2] != 0 else { throw .invalid("a range of \(numbers)") }
        let count = ((numbers[1] - numbers[0]) / numbers[2]).rounded(.up)
        guard count.isFinite, count <= Double(ImageLimits.elements) else { throw .invalid("a range of \(numbers)") }
        let steps = 0..<Int(max(0, count))
        let type = operands[0].elementType
        try builder.reserve(steps.count * 8)
        if let first = operands[0].integers?[0], let step = operands[2].integers?[0] {
            let values = steps.map { first &+ Int64($0) &* step }
            return [try builder.constant(Constant(integers: values, shape: [steps.count], elementType: type))]
        }
        let values = steps.map { numbers[0] + Double($0) * numbers[2] }
        let reals = try builder.constant(
            Constant(elementType: .float64, shape: [steps.count], bytes: values.withUnsafeBytes { Array($0) }))
        return [try builder.cast(reals, to: type)]
    }

    /// Bounds that are computed at run time give at most as many numbers as the model itself declares.
    private static func planned(
        _ bounds: [ValueID], _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> ValueID {
        guard let shape = node.declared(0), shape.count == 1, shape[0] > 0 else { throw .mustBeConstant("a bound") }
        var scalars: [ValueID] = []
        for bound in bounds {
            guard builder.elementType(bound) == builder.elementType(bounds[0]),
                builder.shape(bound).allSatisfy({ $0 == 1 })
            else { throw .invalid("the bounds are not three numbers of one type") }
            scalars.append(try builder.reshape(bound, to: []))
        }
        let results = try builder.emit(
            PortableNode(
                opcode: .range, results: [.init(shape, builder.elementType(bounds[0])), .init([], .int64)]), scalars)
        return try builder.counted(results[0], by: results[1])
    }

    private static func expand(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        guard let target = try SliceOperators.integers(builder, node, 1, "the shape"),
            let shape = Extents.broadcast(builder.shape(x), target), Extents.isModest(shape)
        else { throw .invalid("\(builder.shape(x)) does not expand") }
        return [try builder.expand(x, to: shape)]
    }

    /// Joins copies along each axis that is repeated.
    private static func tile(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        var x = try node.input(0)
        guard let repeats = try SliceOperators.integers(builder, node, 1, "the repetitions"),
            repeats.count == builder.shape(x).count, repeats.allSatisfy({ $0 >= 1 })
        else { throw .invalid("repetitions do not fit \(builder.shape(x))") }
        for (axis, count) in repeats.enumerated() where count > 1 {
            guard count <= ImageLimits.operands else {
                throw .unsupported("\(count) copies", help: "repeat at most \(ImageLimits.operands) times")
            }
            x = try builder.emit(.concat(axis: axis), .none, [ValueID?](repeating: x, count: count))
        }
        return [x]
    }
}

extension Constant {
    /// The elements of an ONNX tensor.
    init(_ tensor: ONNXTensor) throws(Refusal) {
        let type = try ConstantOperators.elementType(Int(tensor.elementType.rawValue))
        guard Extents.isModest(tensor.dims) else {
            throw .unsupported("a tensor of shape \(tensor.dims)", help: "use smaller tensors")
        }
        guard case .raw(let bytes) = tensor.content, bytes.count == tensor.dims.reduce(type.size, *) else {
            throw .unsupported(
                "a constant outside of the file, or not of numbers", help: "save the model with its weights inside")
        }
        self.init(elementType: type, shape: tensor.dims, bytes: bytes)
    }
}
