import ModelImage

/// Operators that trade channels for space.
enum SpaceOperators {
    static let rules: [String: OperatorRule] = [
        "DepthToSpace": OperatorRule(depthToSpace), "SpaceToDepth": OperatorRule(spaceToDepth),
    ]

    private static func depthToSpace(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let (shape, block) = try operands(builder, node)
        guard shape[1] % (block * block) == 0 else { throw .invalid("\(shape[1]) channels in blocks of \(block)") }
        let depth = shape[1] / (block * block)
        let target = [shape[0], depth, shape[2] * block, shape[3] * block]
        let isColumnFirst = try columnFirst(node)
        let split =
            isColumnFirst
            ? [shape[0], depth, block, block, shape[2], shape[3]]
            : [shape[0], block, block, depth, shape[2], shape[3]]
        let order = isColumnFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]
        return [try rearranged(x, split, order, target, &builder)]
    }

    private static func spaceToDepth(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let (shape, block) = try operands(builder, node)
        guard shape[2] % block == 0, shape[3] % block == 0 else { throw .invalid("\(shape) in blocks of \(block)") }
        let (height, width) = (shape[2] / block, shape[3] / block)
        let split = [shape[0], shape[1], height, block, width, block]
        let order = try columnFirst(node) ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4]
        return [try rearranged(x, split, order, [shape[0], shape[1] * block * block, height, width], &builder)]
    }

    /// True when channels stand outside blocks (mode CRD).
    private static func columnFirst(_ node: ImportedNode) throws(Refusal) -> Bool {
        switch try node.text("mode", default: "DCR") {
        case "DCR": false
        case "CRD": true
        case let other: throw .invalid("mode is \"\(other)\"")
        }
    }

    private static func operands(
        _ builder: GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> (shape: [Int], block: Int) {
        let shape = builder.shape(try node.input(0))
        guard shape.count == 4, let block = try node.int("blocksize"), (1...ImageLimits.window).contains(block) else {
            throw .invalid("an operand \(shape), or no block size")
        }
        return (shape, block)
    }

    private static func rearranged(
        _ x: ValueID, _ split: [Int], _ order: [Int], _ target: [Int], _ builder: inout GraphBuilder
    ) throws(Refusal) -> ValueID {
        let parts = try builder.reshape(x, to: split)
        return try builder.reshape(builder.emit(.transpose(order), .none, [parts]), to: target)
    }
}
