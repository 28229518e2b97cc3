import ModelImage

/// Elementwise arithmetic of two or more operands.
enum ArithmeticOperators {
    static let rules: [String: OperatorRule] = [
        "Add": binary(.add), "Sub": binary(.subtract), "Mul": binary(.multiply), "Div": binary(.divide),
        "Pow": OperatorRule(power), "Sum": fold(.add), "Max": fold(.maximum), "Min": fold(.minimum),
        "Mean": OperatorRule { builder, node throws(Refusal) in
            try builder.requireFloating(try node.input(0))
            let sum = try combine(.add, &builder, node)
            let share = try builder.scalar(1 / Double(node.inputs.count), builder.elementType(sum))
            return [try builder.combine(.multiply, sum, share)]
        },
    ]

    private static func binary(_ function: PairOperation) -> OperatorRule {
        OperatorRule { builder, node throws(Refusal) in
            let right = try alignedRight(&builder, node)
            return [try builder.combine(function, node.input(0), right)]
        }
    }

    private static func fold(_ function: PairOperation) -> OperatorRule {
        OperatorRule { builder, node throws(Refusal) in [try combine(function, &builder, node)] }
    }

    private static func combine(
        _ function: PairOperation, _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> ValueID {
        var result = try node.input(0)
        for index in node.inputs.indices.dropFirst() {
            result = try builder.combine(function, result, node.input(index))
        }
        return result
    }

    /// From version 12 the exponent may have another type than the base.
    private static func power(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        var exponent = try alignedRight(&builder, node)
        let base = try node.input(0)
        let types = (builder.elementType(base), builder.elementType(exponent))
        if types.0 != types.1 {
            guard types.0.isFloating || !types.1.isFloating else {
                // An integer to a broken power is computed as a real number and cut.
                let real = try builder.combine(
                    .power, builder.cast(base, to: .float64), builder.cast(exponent, to: .float64))
                return [try builder.cast(real, to: types.0)]
            }
            exponent = try builder.cast(exponent, to: types.0)
        }
        if let values = builder.constant(exponent)?.floats, let first = values.first,
            values.allSatisfy({ $0 == first }), builder.constant(exponent)?.count == 1
        {
            if first == 2 { return [try builder.combine(.multiply, base, base)] }
            if first == 0.5 { return [try builder.emit(Activation(.sqrt), base)] }
        }
        return [try builder.combine(.power, base, exponent)]
    }

    /// The second operand, with the broadcasting of operator set 6 made explicit.
    ///
    /// Until version 6 an operand broadcasts only if the attribute `broadcast` says so; its axes then match those of
    /// the first operand from the attribute `axis` on, or the last ones.
    static func alignedRight(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> ValueID {
        let right = try node.input(1)
        guard node.version < 7 else { return right }
        let target = builder.shape(try node.input(0))
        let shape = builder.shape(right)
        guard try node.flag("broadcast") else {
            guard shape == target else { throw .invalid("\(target) and \(shape) differ without broadcast") }
            return right
        }
        guard let axis = try node.int("axis") else { return right }
        guard axis >= 0, axis <= target.count - shape.count else {
            throw .invalid("axis \(axis) does not place \(shape) in \(target)")
        }
        let trailing = [Int](repeating: 1, count: target.count - axis - shape.count)
        return try builder.reshape(right, to: shape + trailing)
    }
}
