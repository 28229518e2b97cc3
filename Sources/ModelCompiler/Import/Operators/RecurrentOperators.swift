import ModelImage
import ONNXFormat

/// RNN, GRU and LSTM.
enum RecurrentOperators {
    static let rules: [String: OperatorRule] = [
        "RNN": rule(.rnn), "GRU": rule(.gru), "LSTM": rule(.lstm),
    ]

    private static func rule(_ cell: RecurrentCell) -> OperatorRule {
        OperatorRule { builder, node throws(Refusal) in try lower(cell, &builder, node) }
    }

    private static func lower(
        _ cell: RecurrentCell, _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> [ValueID] {
        let batchFirst = try node.flag("layout")
        let x = try timeFirst(node.input(0), batchFirst, &builder)
        let layout = try layout(cell, x, node, builder)
        let direction = try direction(node)
        let isLinear = try node.flag("linear_before_reset")
        let couplesForget = try node.flag("input_forget")
        var words = [
            cell.rawValue, direction, cell == .gru && isLinear ? 1 : 0, cell == .lstm && couplesForget ? 1 : 0,
            try bits(clip(node)), 0,
        ]
        words += try RecurrentFunctions(cell, node).words(directions: layout.directions)
        let shapes = [
            [layout.steps, layout.directions, layout.batch, layout.hidden],
            [layout.directions, layout.batch, layout.hidden], [layout.directions, layout.batch, layout.hidden],
        ]
        let wanted = (0..<(cell == .lstm ? 3 : 2)).filter { node.wants($0) }
        guard !wanted.isEmpty else { return [] }
        words[5] = wanted.reduce(0) { $0 | 1 << Int32($1) }
        var inputs = try operands(cell, x, node, layout, batchFirst, &builder)
        let packs = (1...2).map { slot in inputs[slot].map { builder.shape($0).count == 3 } ?? false }
        guard let scratch = layout.scratchBytes(packsInput: packs[0], packsRecurrent: packs[1]) else {
            throw .unsupported("it needs more scratch than ImageLimits.arenaBytes", help: "use a smaller batch")
        }
        while inputs.last == .some(nil) { inputs.removeLast() }
        let recurrent = PortableNode(
            opcode: .recurrent, words: words, results: wanted.map { ShapeInference.Result(shapes[$0], .float32) },
            scratchBytes: scratch)
        var results = try builder.emit(recurrent, inputs)[...]
        var outputs: [ValueID] = []
        for index in 0...(wanted.last ?? 0) {
            guard wanted.contains(index), let result = results.popFirst() else {
                // Nobody reads an output without a name.
                outputs.append(x)
                continue
            }
            outputs.append(
                try batchFirst
                    ? builder.emit(.transpose(index == 0 ? [2, 0, 1, 3] : [1, 0, 2]), .none, [result]) : result)
        }
        return outputs
    }

    /// A tensor with time, or the direction, outermost.
    private static func timeFirst(
        _ value: ValueID, _ batchFirst: Bool, _ builder: inout GraphBuilder
    ) throws(Refusal) -> ValueID {
        guard builder.shape(value).count == 3 else { throw .invalid("an operand \(builder.shape(value)) of rank 3") }
        return batchFirst ? try builder.emit(.transpose([1, 0, 2]), .none, [value]) : value
    }

    // MARK: - Attributes

    private static func direction(_ node: ImportedNode) throws(Refusal) -> Int32 {
        switch try node.text("direction", default: "forward") {
        case "forward": return 0
        case "reverse": return 1
        case "bidirectional": return 2
        case let other: throw .invalid("direction \(other)")
        }
    }

    private static func clip(_ node: ImportedNode) throws(Refusal) -> Float {
        let clip = try node.float("clip", default: .infinity)
        // ONNX Runtime takes 0 for no clipping.
        guard clip >= 0 else { throw .invalid("clip \(clip)") }
        return clip == 0 ? .infinity : clip
    }

    private static func bits(_ value: Float) -> Int32 { Int32(bitPattern: value.bitPattern) }

    // MARK: - Operands

    /// The layer's sizes, from the shapes of X, W and R.
    private static func layout(
        _ cell: RecurrentCell, _ x: ValueID, _ node: ImportedNode, _ builder: GraphBuilder
    ) throws(Refusal) -> RecurrentLayout {
        let shape = builder.shape(x)
        let weights = builder.shape(try node.input(1))
        let recurrent = builder.shape(try node.input(2))
        let directions = try direction(node) == 2 ? 2 : 1
        guard recurrent.count == 3, let hidden = recurrent.last, hidden > 0,
            recurrent == [directions, cell.gates * hidden, hidden],
            weights == [directions, cell.gates * hidden, shape[2]]
        else { throw .invalid("weights \(weights) and \(recurrent) for \(directions) directions and input \(shape)") }
        if let size = try node.int("hidden_size"), size != hidden {
            throw .invalid("hidden_size \(size) with weights for \(hidden)")
        }
        guard !shape.contains(0) else {
            throw .unsupported("its input \(shape) is empty", help: "bind its dimensions to 1 or more")
        }
        return RecurrentLayout(
            cell: cell, directions: directions, steps: shape[0], batch: shape[1], inputs: shape[2], hidden: hidden)
    }

    /// The operator's inputs: x, weights, biases, lengths, state, peepholes.
    private static func operands(
        _ cell: RecurrentCell, _ x: ValueID, _ node: ImportedNode, _ layout: RecurrentLayout, _ batchFirst: Bool,
        _ builder: inout GraphBuilder
    ) throws(Refusal) -> [ValueID?] {
        var inputs: [ValueID?] = [
            x, try packed(node.input(1), rows: layout.inputs, layout, &builder),
            try packed(node.input(2), rows: layout.hidden, layout, &builder), node.optional(3), node.optional(4),
        ]
        for slot in [5, 6] {
            let state = slot == 5 || cell == .lstm ? node.optional(slot) : nil
            inputs.append(try state.map { value throws(Refusal) in try timeFirst(value, batchFirst, &builder) })
        }
        inputs.append(cell == .lstm ? node.optional(7) : nil)
        try check(inputs, layout, builder)
        return inputs
    }

    private static func check(
        _ inputs: [ValueID?], _ layout: RecurrentLayout, _ builder: GraphBuilder
    ) throws(Refusal) {
        let state = [layout.directions, layout.batch, layout.hidden]
        let expected: [Int: (what: String, shape: [Int])] = [
            3: ("bias", [layout.directions, 2 * layout.cell.gates * layout.hidden]),
            4: ("sequence_lens", [layout.batch]), 5: ("initial_h", state), 6: ("initial_c", state),
            7: ("peepholes", [layout.directions, 3 * layout.hidden]),
        ]
        for (slot, input) in inputs.enumerated() {
            guard let input else { continue }
            let type = builder.elementType(input)
            guard type == (slot == 4 ? .int32 : .float32) else {
                throw .unsupported("it does not compute with \(type)", help: "use float32, and int32 for sequence_lens")
            }
            if let (what, shape) = expected[slot], builder.shape(input) != shape {
                throw .invalid("\(what) \(builder.shape(input)) instead of \(shape)")
            }
        }
    }

    /// Weights `[directions, gates·hidden, rows]` in panels where they are known; else as they are.
    private static func packed(
        _ weights: ValueID, rows: Int, _ layout: RecurrentLayout, _ builder: inout GraphBuilder
    ) throws(Refusal) -> ValueID {
        guard let values = builder.constant(weights)?.floats else { return weights }
        var panels: [Float] = []
        for gate in 0..<layout.directions * layout.cell.gates {
            panels += PanelLayout.pack(rows: rows, columns: layout.hidden) { row, column in
                values[(gate * layout.hidden + column) * rows + row]
            }
        }
        return try builder.constant(Constant(floats: panels, shape: layout.packedShape(rows: rows)))
    }
}
