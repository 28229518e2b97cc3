import ModelImage

/// Comparisons and choices between constants, as models use them to compute shapes.
enum LogicOperators {
    static let rules: [String: OperatorRule] = [
        "Equal": compare { $0 == $1 }, "Greater": compare { $0 > $1 }, "Less": compare { $0 < $1 },
        "GreaterOrEqual": compare { $0 >= $1 }, "LessOrEqual": compare { $0 <= $1 },
        "And": compare { $0 != 0 && $1 != 0 }, "Or": compare { $0 != 0 || $1 != 0 },
        "Xor": compare { ($0 != 0) != ($1 != 0) },
        "Not": OperatorRule { builder, node throws(Refusal) in
            let x = try known(builder, node, 0)
            guard let flags = x.integers else { throw .invalid("the operand is not bool") }
            let values = flags.map { Int64($0 == 0 ? 1 : 0) }
            return [try builder.constant(Constant(integers: values, shape: x.shape, elementType: .bool))]
        },
        "Mod": OperatorRule(since: 10, modulo),
        "Where": OperatorRule(since: 9, choose),
    ]

    private static func known(_ builder: GraphBuilder, _ node: ImportedNode, _ index: Int) throws(Refusal) -> Constant {
        guard let constant = builder.constant(try node.input(index)) else { throw .mustBeConstant("input \(index)") }
        return constant
    }

    private static func compare(_ holds: @escaping @Sendable (Double, Double) -> Bool) -> OperatorRule {
        OperatorRule { builder, node throws(Refusal) in
            _ = try ArithmeticOperators.alignedRight(&builder, node)
            let a = try known(builder, node, 0)
            let b = try known(builder, node, 1)
            guard let shape = Extents.broadcast(a.shape, b.shape) else {
                throw .invalid("\(a.shape) and \(b.shape) do not broadcast")
            }
            let left = doubles(a)
            let right = doubles(b)
            let places = zip(
                Extents.broadcastPositions(of: a.shape, to: shape), Extents.broadcastPositions(of: b.shape, to: shape))
            let values = places.map { Int64(holds(left[$0], right[$1]) ? 1 : 0) }
            return [try builder.constant(Constant(integers: values, shape: shape, elementType: .bool))]
        }
    }

    private static func doubles(_ x: Constant) -> [Double] {
        x.floats?.map { Double($0) } ?? x.integers?.map { Double($0) } ?? []
    }

    /// With the sign of the divisor; `fmod` (the dividend's sign) is left to models that do not compute shapes.
    private static func modulo(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let a = try known(builder, node, 0)
        let b = try known(builder, node, 1)
        guard let x = a.integers, let y = b.integers, try !node.flag("fmod") else {
            throw .unsupported("it is not an integer remainder", help: "use integers")
        }
        guard let shape = Extents.broadcast(a.shape, b.shape), !y.contains(0) else {
            throw .invalid("\(a.shape) and \(b.shape) do not broadcast, or a divisor is 0")
        }
        let places = zip(
            Extents.broadcastPositions(of: a.shape, to: shape), Extents.broadcastPositions(of: b.shape, to: shape))
        let values = places.map { i, j in
            let rest = x[i].remainderReportingOverflow(dividingBy: y[j]).partialValue
            return rest != 0 && (rest < 0) != (y[j] < 0) ? rest + y[j] : rest
        }
        return [try builder.constant(Constant(integers: values, shape: shape, elementType: a.elementType))]
    }

    private static func choose(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let condition = try known(builder, node, 0)
        guard let flags = condition.integers else { throw .invalid("the condition is not bool") }
        // A condition that is the same everywhere chooses one operand, known or not.
        if let first = flags.first, flags.allSatisfy({ ($0 != 0) == (first != 0) }) {
            let chosen = try node.input(first != 0 ? 1 : 2)
            let other = try node.input(first != 0 ? 2 : 1)
            let shapes = [condition.shape, builder.shape(chosen), builder.shape(other)]
            if shapes.allSatisfy({ Extents.broadcast($0, builder.shape(chosen)) == builder.shape(chosen) }) {
                return [chosen]
            }
        }
        let x = try known(builder, node, 1)
        let y = try known(builder, node, 2)
        guard let pair = Extents.broadcast(x.shape, y.shape), let shape = Extents.broadcast(condition.shape, pair)
        else {
            throw .invalid("the operands do not broadcast")
        }
        let places = [condition, x, y].map { Extents.broadcastPositions(of: $0.shape, to: shape) }
        let picks = places[0].indices.map { flags[places[0][$0]] != 0 }
        switch (x.elements, y.elements) {
        case (.floats(let a), .floats(let b)):
            let values = picks.indices.map { picks[$0] ? a[places[1][$0]] : b[places[2][$0]] }
            return [try builder.constant(Constant(elementType: x.elementType, shape: shape, elements: .floats(values)))]
        case (.integers(let a), .integers(let b)):
            let values = picks.indices.map { picks[$0] ? a[places[1][$0]] : b[places[2][$0]] }
            return [
                try builder.constant(Constant(elementType: x.elementType, shape: shape, elements: .integers(values)))
            ]
        default: throw .invalid("the operands differ in type")
        }
    }
}
