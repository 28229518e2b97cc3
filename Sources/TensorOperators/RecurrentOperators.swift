import ModelImage
import OperatorInterface
import TensorKernels

/// RNN, GRU and LSTM.
enum RecurrentOperators {
    static var all: [PortableOperator] { [PortableOperator(.recurrent, recurrent)] }

    /// Words before those of the functions.
    static var fixedWords: Int { 6 }

    /// `x[T, B, I], w, r, bias[D, 2·G·H]?, lengths[B] int32?, h[D, B, H]?, c[D, B, H]?, peepholes[D, 3·H]? → y[T, D, B, H],
    /// h[D, B, H], c[D, B, H]` in float32, as ONNX defines them, with time outermost. Weights are `[D, G·H, rows]`, or
    /// packed when the model is compiled: ``RecurrentLayout/packedShape(rows:)``.
    ///
    /// Words: cell; direction (0 forward, 1 reverse, 2 both); linear before reset; coupled input and forget gate; clip
    /// (float, ∞ for none); which outputs there are (bits 0, 1, 2 for y, h, c); for each direction three functions of
    /// three words each: function, alpha, beta.
    @Sendable static func recurrent(_ context: OperatorContext) throws(ImageError) -> PreparedOperator {
        try context.requireCounts(inputs: 3...8, outputs: 1...3)
        let x = try context.input(0, .float32)
        guard let cell = RecurrentCell(rawValue: Int32(truncatingIfNeeded: try context.word(0))) else {
            throw ImageError(.badAttribute, .operation(context.index), "unknown recurrent cell")
        }
        let direction = try context.word(1, in: 0...2)
        let directions = direction == 2 ? 2 : 1
        let r = try context.input(2, .float32)
        try context.require(x.shape.rank == 3 && x.count > 0, "a recurrent layer's input is [steps, batch, inputs]")
        let hidden = r.shape.rank == 4 ? r.shape[2] : r.shape.rank == 3 ? r.shape[2] : 0
        try context.require(hidden > 0, "recurrent weights have rank 3 or 4")
        let layout = RecurrentLayout(
            cell: cell, directions: directions, steps: x.shape[0], batch: x.shape[1], inputs: x.shape[2],
            hidden: hidden)
        let w = try context.input(1, .float32)
        let recurrence = try Recurrence(
            layout: layout, isReverse: direction == 1, input: x,
            weights: RecurrentWeights(context, w, rows: layout.inputs, layout),
            recurrent: RecurrentWeights(context, r, rows: layout.hidden, layout), context)
        return { recurrence.run() }
    }

    /// The functions of direction `direction`.
    static func functions(
        _ context: OperatorContext, direction: Int
    ) throws(ImageError) -> (CellActivation, CellActivation, CellActivation) {
        let place = fixedWords + direction * 9
        return (
            try function(context, place), try function(context, place + 3), try function(context, place + 6)
        )
    }

    private static func function(_ context: OperatorContext, _ place: Int) throws(ImageError) -> CellActivation {
        guard let function = CellFunction(rawValue: Int32(truncatingIfNeeded: try context.word(place))) else {
            throw ImageError(.badAttribute, .operation(context.index), "unknown function of a recurrent cell")
        }
        return CellActivation(function, alpha: try context.float(place + 1), beta: try context.float(place + 2))
    }
}

/// One weight tensor of all directions and gates.
struct RecurrentWeights {
    /// In panels, or as ONNX has them.
    let isPacked: Bool
    /// Rows of a packed matrix: what a step multiplies.
    let rows: Int
    let elements: UnsafePointer<Float>

    init(
        _ context: OperatorContext, _ view: TensorView, rows: Int, _ layout: RecurrentLayout
    ) throws(ImageError) {
        isPacked = view.shape.rank == 4
        self.rows = rows
        elements = UnsafePointer(view.elements(Float.self))
        let expected =
            isPacked ? layout.packedShape(rows: rows) : [layout.directions, layout.cell.gates * layout.hidden, rows]
        try context.require(view.shape.hasDimensions(expected), "recurrent weights do not fit the layer")
    }

    /// Floats that one direction takes in panels.
    func packedCount(_ layout: RecurrentLayout) -> Int { layout.gateColumns * rows }

    /// The panels of a direction; made at `room` where the weights are not packed.
    func panels(_ direction: Int, _ layout: RecurrentLayout, room: UnsafeMutablePointer<Float>) -> UnsafePointer<Float>
    {
        if isPacked { return elements + direction * packedCount(layout) }
        let gate = layout.hidden * rows
        for index in 0..<layout.cell.gates {
            Movement.packPanels(
                elements + (direction * layout.cell.gates + index) * gate, rows: rows, columns: layout.hidden,
                rowStride: 1, columnStride: rows, to: room + index * layout.paddedHidden * rows)
        }
        return UnsafePointer(room)
    }
}

extension Shape {
    /// True when these are the dimensions.
    func hasDimensions(_ expected: [Int]) -> Bool {
        guard rank == expected.count else { return false }
        for axis in 0..<rank where self[axis] != expected[axis] { return false }
        return true
    }
}
