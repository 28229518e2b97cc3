import ModelImage
import ONNXFormat

/// Operators that take parts of a tensor or put something around it.
enum SliceOperators {
    static let rules: [String: OperatorRule] = [
        "Slice": OperatorRule(slice), "Split": OperatorRule(split), "Gather": OperatorRule(gather),
        "Pad": OperatorRule(pad),
    ]

    /// The integers of a constant operand, or `nil` when it is absent.
    static func integers(
        _ builder: GraphBuilder, _ node: ImportedNode, _ index: Int, _ what: String
    ) throws(Refusal) -> [Int]? {
        guard let input = node.optional(index) else { return nil }
        guard let known = builder.constant(input)?.integers else { throw .mustBeConstant(what) }
        return known.map { Int($0) }
    }

    // MARK: - Slice

    /// Attributes before version 10, inputs (and steps) since.
    private static func slice(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let shape = builder.shape(x)
        let usesInputs = node.version >= 10
        let starts = usesInputs ? try integers(builder, node, 1, "starts") : try node.ints("starts")
        let ends = usesInputs ? try integers(builder, node, 2, "ends") : try node.ints("ends")
        let axes = usesInputs ? try integers(builder, node, 3, "axes") : try node.ints("axes")
        let steps = usesInputs ? try integers(builder, node, 4, "steps") : nil
        guard let starts, let ends, starts.count == ends.count, starts.count <= shape.count,
            (axes ?? starts).count == starts.count, (steps ?? starts).count == starts.count
        else { throw .invalid("starts, ends, axes and steps differ in length") }
        var cut = (starts: shape.map { _ in 0 }, steps: shape.map { _ in 1 }, counts: shape)
        for index in starts.indices {
            let number = axes?[index] ?? index
            guard let axis = Extents.axis(number, rank: shape.count) else { throw .invalid("axis \(number)") }
            let step = steps?[index] ?? 1
            guard step != 0, step != .min else { throw .invalid("step \(step)") }
            let range = clamped(starts[index], ends[index], step: step, extent: shape[axis])
            (cut.starts[axis], cut.steps[axis], cut.counts[axis]) = (range.start, step, range.count)
        }
        return [try cutOut(x, cut, &builder)]
    }

    /// The first index and the number of indices of `start..<end` by `step`, with ONNX's clamping.
    private static func clamped(_ start: Int, _ end: Int, step: Int, extent: Int) -> (start: Int, count: Int) {
        func inside(_ position: Int, _ range: ClosedRange<Int>) -> Int {
            let positive = position < 0 ? position.addingReportingOverflow(extent).partialValue : position
            return min(max(positive, range.lowerBound), range.upperBound)
        }
        guard extent > 0 else { return (0, 0) }
        if step > 0 {
            let first = inside(start, 0...extent)
            let distance = inside(end, 0...extent) - first
            return (first, distance > 0 ? (distance - 1) / step + 1 : 0)
        }
        let first = inside(start, 0...extent - 1)
        // An end before −extent means "down to and with index 0".
        let last = end < -extent ? -1 : inside(end, -1...extent - 1)
        return (first, first > last ? (first - last - 1) / -step + 1 : 0)
    }

    private static func cutOut(
        _ x: ValueID, _ cut: (starts: [Int], steps: [Int], counts: [Int]), _ builder: inout GraphBuilder
    ) throws(Refusal) -> ValueID {
        if cut.counts == builder.shape(x), cut.steps.allSatisfy({ $0 == 1 }) { return x }
        // A step matters only between elements; a large one would not fit the image's words.
        let steps = zip(cut.steps, cut.counts).map { $1 > 1 ? $0 : 1 }
        let starts = zip(cut.starts, cut.counts).map { $1 > 0 ? $0 : 0 }
        return try builder.emit(.slice(starts: starts, steps: steps, counts: cut.counts), .none, [x])
    }

    // MARK: - Split

    private static func split(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let shape = builder.shape(x)
        let number = try node.int("axis", default: 0)
        guard let axis = Extents.axis(number, rank: shape.count) else { throw .invalid("axis \(number)") }
        let parts = node.node.outputs.count
        var sizes = node.version >= 13 ? try integers(builder, node, 1, "split") : try node.ints("split")
        if sizes == nil {
            guard parts > 0, try node.int("num_outputs", default: parts) == parts else {
                throw .invalid("num_outputs is not the number of outputs")
            }
            let size = (shape[axis] + parts - 1) / parts
            sizes = (0..<parts).map { max(0, min(size, shape[axis] - $0 * size)) }
        }
        guard let sizes, sizes.count == parts, sizes.allSatisfy({ (0...shape[axis]).contains($0) }),
            sizes.reduce(0, +) == shape[axis]
        else { throw .invalid("the parts do not fill axis \(axis) of \(shape)") }
        var outputs: [ValueID] = []
        var start = 0
        for size in sizes {
            var cut = (starts: shape.map { _ in 0 }, steps: shape.map { _ in 1 }, counts: shape)
            (cut.starts[axis], cut.counts[axis]) = (start, size)
            outputs.append(try cutOut(x, cut, &builder))
            start += size
        }
        return outputs
    }

    // MARK: - Gather

    /// With known indices this is a slice, or a row of slices.
    private static func gather(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let shape = builder.shape(x)
        let number = try node.int("axis", default: 0)
        guard let axis = Extents.axis(number, rank: shape.count) else { throw .invalid("axis \(number)") }
        guard let indices = builder.constant(try node.input(1)), let numbers = indices.integers else {
            throw .mustBeConstant("the index")
        }
        var places: [Int] = []
        for number in numbers {
            guard let place = Extents.axis(Int(number), rank: shape[axis]) else {
                throw .invalid("index \(number) is outside axis \(axis) of \(shape)")
            }
            places.append(place)
        }
        let result = Array(shape[..<axis]) + indices.shape + Array(shape[(axis + 1)...])
        if let known = builder.constant(x) {
            return [try builder.constant(gathered(known, axis: axis, places: places, shape: result))]
        }
        let taken = try slices(x, axis: axis, places: places, &builder)
        return [try builder.reshape(taken, to: result)]
    }

    private static func gathered(_ x: Constant, axis: Int, places: [Int], shape: [Int]) -> Constant {
        let inner = x.shape[(axis + 1)...].reduce(1, *)
        var positions: [Int] = []
        for outer in 0..<x.shape[..<axis].reduce(1, *) {
            for place in places {
                let start = (outer * x.shape[axis] + place) * inner
                positions.append(contentsOf: start..<start + inner)
            }
        }
        return x.gathered(positions, shape: shape)
    }

    private static func slices(
        _ x: ValueID, axis: Int, places: [Int], _ builder: inout GraphBuilder
    ) throws(Refusal) -> ValueID {
        let shape = builder.shape(x)
        func cut(_ start: Int, _ step: Int, _ count: Int) -> (starts: [Int], steps: [Int], counts: [Int]) {
            var cut = (starts: shape.map { _ in 0 }, steps: shape.map { _ in 1 }, counts: shape)
            (cut.starts[axis], cut.steps[axis], cut.counts[axis]) = (start, step, count)
            return cut
        }
        guard let first = places.first else {
            throw .unsupported("it takes nothing", help: "remove the node")
        }
        let step = places.count > 1 ? places[1] - first : 1
        if step != 0, places.indices.allSatisfy({ places[$0] == first + $0 * step }) {
            return try cutOut(x, cut(first, step, places.count), &builder)
        }
        guard places.count <= ImageLimits.operands else {
            throw .unsupported(
                "\(places.count) indices without a pattern", help: "gather at most \(ImageLimits.operands) at a time")
        }
        var parts: [ValueID] = []
        for place in places { parts.append(try cutOut(x, cut(place, 1, 1), &builder)) }
        return try builder.emit(.concat(axis: axis), .none, parts)
    }

    // MARK: - Pad

    /// Attributes before version 11, inputs since; negative pads cut off.
    private static func pad(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let shape = builder.shape(x)
        let mode: PadMode
        switch try node.text("mode", default: "constant") {
        case "constant": mode = .constant
        case "reflect": mode = .reflect
        case "edge": mode = .edge
        case let other: throw .unsupported("mode \"\(other)\"", help: "use constant, reflect or edge")
        }
        var value = try node.float("value", default: 0)
        if node.version >= 11, let input = node.optional(2) {
            guard let known = builder.constant(input) else { throw .mustBeConstant("the value") }
            value = known.floats?.first ?? known.integers?.first.map { Float($0) } ?? 0
        }
        let amounts = try amounts(builder, node, rank: shape.count)
        var cut = (starts: shape.map { _ in 0 }, steps: shape.map { _ in 1 }, counts: shape)
        for axis in shape.indices {
            cut.starts[axis] = max(0, -amounts.before[axis])
            cut.counts[axis] = shape[axis] + min(0, amounts.before[axis]) + min(0, amounts.after[axis])
            guard cut.counts[axis] > 0 else { throw .invalid("pads cut off all of axis \(axis)") }
        }
        let kept = try cutOut(x, cut, &builder)
        let before = amounts.before.map { max(0, $0) }
        let after = amounts.after.map { max(0, $0) }
        guard (before + after).contains(where: { $0 > 0 }) else { return [kept] }
        if mode == .reflect, zip(zip(before, after), cut.counts).contains(where: { max($0.0, $0.1) >= $1 }) {
            throw .unsupported("reflection reaches past the opposite edge", help: "pad by less than the extent")
        }
        return [try builder.emit(.pad(before: before, after: after, mode: mode, value: value), .none, [kept])]
    }

    private static func amounts(
        _ builder: GraphBuilder, _ node: ImportedNode, rank: Int
    ) throws(Refusal) -> (before: [Int], after: [Int]) {
        let pads = node.version >= 11 ? try integers(builder, node, 1, "pads") : try node.ints("pads")
        let numbers = node.version >= 18 ? try integers(builder, node, 3, "axes") : nil
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
