import ModelImage

/// Control flow.
enum ControlOperators {
    static let rules: [String: OperatorRule] = ["If": OperatorRule(branch)]

    /// A known condition takes one branch; else both are computed, and the condition selects.
    private static func branch(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let condition = try node.input(0)
        guard let first = node.branches.first else { throw .invalid("it has no branches") }
        guard node.branches.count == 2 else { return first }
        let second = node.branches[1]
        guard first.count == second.count, builder.elementType(condition) == .bool,
            builder.shape(condition).allSatisfy({ $0 == 1 })
        else { throw .invalid("the branches differ in outputs, or the condition is not one bool") }
        let flag = try builder.reshape(condition, to: [])
        return try zip(first, second).map { then, other throws(Refusal) in
            guard builder.shape(then) == builder.shape(other), builder.elementType(then) == builder.elementType(other)
            else {
                throw .unsupported(
                    "its branches give \(builder.elementType(then)) \(builder.shape(then)) and "
                        + "\(builder.elementType(other)) \(builder.shape(other)), and the condition is computed",
                    help: "give both branches one type and shape, or make the condition a constant")
            }
            return then == other ? then : try builder.select(flag, then, other)
        }
    }
}
