import ModelImage

/// Operators that put something around a tensor.
enum PadOperators {
    static let rules: [String: OperatorRule] = ["Pad": OperatorRule(pad)]

    private enum Mode {
        case constant, reflect, edge, wrap
    }

    /// Attributes before version 11, inputs since; negative pads cut off.
    private static func pad(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let shape = builder.shape(x)
        let mode: Mode
        switch try node.text("mode", default: "constant") {
        case "constant": mode = .constant
        case "reflect": mode = .reflect
        case "edge": mode = .edge
        case "wrap": mode = .wrap
        case let other: throw .invalid("mode is \"\(other)\"")
        }
        let amounts = try amounts(builder, node, rank: shape.count)
        var cut = (starts: shape.map { _ in 0 }, steps: shape.map { _ in 1 }, counts: shape)
        for axis in shape.indices {
            cut.starts[axis] = max(0, -amounts.before[axis])
            cut.counts[axis] = shape[axis] + min(0, amounts.before[axis]) + min(0, amounts.after[axis])
            guard cut.counts[axis] >= 0 else { throw .invalid("pads cut off more than axis \(axis) has") }
        }
        let kept = try SliceOperators.cutOut(x, cut, &builder)
        let before = amounts.before.map { max(0, $0) }
        let after = amounts.after.map { max(0, $0) }
        guard (before + after).contains(where: { $0 > 0 }) else { return [kept] }
        guard mode == .constant || !cut.counts.contains(0) else { throw .invalid("an empty tensor has no edge") }
        let value = try fill(&builder, node, builder.elementType(x))
        if let fast = try vectorised(kept, mode, before, after, builder.constant(value), &builder) { return [fast] }
        var result = kept
        for axis in shape.indices where before[axis] + after[axis] > 0 {
            result =
                mode == .constant
                ? try joined(result, axis, before[axis], after[axis], value, &builder)
                : try repeated(result, axis, before[axis], after[axis], mode, &builder)
        }
        return [result]
    }

    /// What stands around: a scalar of the data's type.
    private static func fill(
        _ builder: inout GraphBuilder, _ node: ImportedNode, _ type: ElementType
    ) throws(Refusal) -> ValueID {
        if node.version >= 11 {
            guard let value = node.optional(2) else { return try builder.scalar(0, type) }
            guard builder.elementType(value) == type, builder.shape(value).reduce(1, *) == 1 else {
                throw .invalid("the value is not one \(type)")
            }
            return try builder.reshape(value, to: [])
        }
        return try builder.scalar(Double(try node.float("value", default: 0)), type)
    }

    /// The vector kernel, where it applies.
    private static func vectorised(
        _ x: ValueID, _ mode: Mode, _ before: [Int], _ after: [Int], _ value: Constant?, _ builder: inout GraphBuilder
    ) throws(Refusal) -> ValueID? {
        let shape = builder.shape(x)
        guard builder.elementType(x) == .float32, !shape.contains(0) else { return nil }
        let kernel: PadMode
        switch mode {
        case .constant: kernel = .constant
        case .edge: kernel = .edge
        case .reflect where shape.indices.allSatisfy({ max(before[$0], after[$0]) < shape[$0] }): kernel = .reflect
        case .reflect, .wrap: return nil
        }
        guard let number = value?.floats?.first else { return nil }
        return try builder.emit(.pad(before: before, after: after, mode: kernel, value: number), .none, [x])
    }

    /// An axis with copies of a value on both sides.
    private static func joined(
        _ x: ValueID, _ axis: Int, _ before: Int, _ after: Int, _ value: ValueID, _ builder: inout GraphBuilder
    ) throws(Refusal) -> ValueID {
        var parts: [ValueID] = []
        for (amount, isFirst) in [(before, true), (after, false)] {
            var shape = builder.shape(x)
            if !isFirst, !shape.contains(0) { parts.append(x) }
            shape[axis] = amount
            if amount > 0 { parts.append(try builder.expand(value, to: shape)) }
        }
        return parts.count == 1 ? parts[0] : try builder.emit(.concat(axis: axis), .none, parts)
    }

    /// An axis continued by its own elements.
    private static func repeated(
        _ x: ValueID, _ axis: Int, _ before: Int, _ after: Int, _ mode: Mode, _ builder: inout GraphBuilder
    ) throws(Refusal) -> ValueID {
        var shape = builder.shape(x)
        let extent = shape[axis]
        shape[axis] = before + extent + after
        try builder.reserve(8 * shape[axis])
        let places = (-before..<extent + after).map { Int64(source(of: $0, extent, mode)) }
        let indices = try builder.constant(Constant(integers: places, shape: [places.count]))
        return try builder.gather(x, indices, axis: axis, to: shape)
    }

    private static func source(of place: Int, _ extent: Int, _ mode: Mode) -> Int {
        func wrapped(_ place: Int, _ period: Int) -> Int { (place % period + period) % period }
        switch mode {
        case .wrap: return wrapped(place, extent)
        case .reflect where extent > 1:
            let turn = wrapped(place, 2 * extent - 2)
            return min(turn, 2 * extent - 2 - turn)
        case .constant, .edge, .reflect: return max(0, min(place, extent - 1))
        }
    }

    private static func amounts(
        _ builder: GraphBuilder, _ node: ImportedNode, rank: Int
    ) throws(Refusal) -> (before: [Int], after: [Int]) {
        let pads = node.version >= 11 ? try SliceOperators.integers(builder, node, 1, "pads") : try node.ints("pads")
        let numbers = node.version >= 18 ? try SliceOperators.integers(builder, node, 3, "axes") : nil
        let axes = numbers ?? Array(0..<rank)
        guard let pads, pads.count == 2 * axes.count,
            pads.allSatisfy({ (-ImageLimits.elements...ImageLimits.elements).contains($0) })
        else { throw .invalid("pads do not fit \(axes.count) axes") }
        var before = [Int](repeating: 0, count: rank)
        var after = before
        for (index, number) in axes.enumerated() {
            guard let axis = Extents.axis(number, rank: rank) else { throw .invalid("axis \(number)") }
            before[axis] = pads[index]
            after[axis] = pads[index + axes.count]
        }
        return (before, after)
    }
}
