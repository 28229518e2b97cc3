import ModelImage

/// Comparisons, logic, choices and remainders.
enum LogicOperators {
    static let rules: [String: OperatorRule] = [
        "Equal": pair(.equal), "Greater": pair(.greater), "Less": pair(.less),
        "GreaterOrEqual": pair(.greaterOrEqual), "LessOrEqual": pair(.lessOrEqual),
        "And": pair(.and), "Or": pair(.or), "Xor": pair(.xor),
        "Not": OperatorRule { builder, node throws(Refusal) in
            let x = try node.input(0)
            guard builder.elementType(x) == .bool else { throw .invalid("the operand is not bool") }
            return [try builder.not(x)]
        },
        "Mod": OperatorRule(since: 10) { builder, node throws(Refusal) in
            let keepsSign = try node.flag("fmod")
            return [try builder.combine(keepsSign ? .remainder : .modulo, node.input(0), node.input(1))]
        },
        "Where": OperatorRule(since: 9, choose),
    ]

    private static func pair(_ operation: PairOperation) -> OperatorRule {
        OperatorRule { builder, node throws(Refusal) in
            let right = try ArithmeticOperators.alignedRight(&builder, node)
            return [try builder.combine(operation, node.input(0), right)]
        }
    }

    /// A condition that is the same everywhere chooses one operand, known or not.
    private static func choose(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let condition = try node.input(0)
        if let flags = builder.constant(condition)?.integers, let first = flags.first,
            flags.allSatisfy({ $0 == first })
        {
            let chosen = try node.input(first != 0 ? 1 : 2)
            let other = try node.input(first != 0 ? 2 : 1)
            let shapes = [builder.shape(condition), builder.shape(other)]
            if shapes.allSatisfy({ Extents.broadcast($0, builder.shape(chosen)) == builder.shape(chosen) }) {
                return [chosen]
            }
        }
        return [try builder.select(condition, node.input(1), node.input(2))]
    }
}
