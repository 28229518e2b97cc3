import ModelImage
import OperatorInterface
import TensorKernels

/// A recurrent layer with all pointers in place.
///
/// The inputs' share of the gates is one matrix product per chunk of steps. A step then multiplies the state, and a
/// kernel turns each row of gates into the next state. Everything in scratch is padded to whole panels.
struct Recurrence {
    let layout: RecurrentLayout
    private let isReverse: Bool
    private let kernels: KernelTable
    private let input: UnsafePointer<Float>
    private let weights: RecurrentWeights
    private let recurrent: RecurrentWeights
    private let bias: UnsafePointer<Float>?
    private let lengths: UnsafePointer<Int32>?
    private let firstHidden: UnsafePointer<Float>?
    private let firstCell: UnsafePointer<Float>?
    private let peepholes: UnsafePointer<Float>?
    private let results: UnsafeMutablePointer<Float>?
    private let lastHidden: UnsafeMutablePointer<Float>?
    private let lastCell: UnsafeMutablePointer<Float>?
    private let isLinear: Bool
    private let forward: CellArguments
    private let backward: CellArguments
    private let memory: RecurrentMemory

    init(
        layout: RecurrentLayout, isReverse: Bool, input: TensorView, weights: RecurrentWeights,
        recurrent: RecurrentWeights, _ context: OperatorContext
    ) throws(ImageError) {
        self.layout = layout
        self.isReverse = isReverse
        self.weights = weights
        self.recurrent = recurrent
        self.input = UnsafePointer(input.elements(Float.self))
        kernels = context.kernels
        let (gates, hidden) = (layout.cell.gates, layout.hidden)
        let state = [layout.directions, layout.batch, hidden]
        bias = try Self.optional(context, 3, [layout.directions, 2 * gates * hidden])
        firstHidden = try Self.optional(context, 5, state)
        firstCell = try Self.optional(context, 6, state)
        peepholes = try Self.optional(context, 7, [layout.directions, 3 * hidden])
        if let view = context.optionalInput(4) {
            try context.require(view.elementType == .int32, .badOperand, "sequence lengths are int32")
            try context.require(
                view.shape.hasDimensions([layout.batch]), "there is one sequence length per batch entry")
            lengths = UnsafePointer(view.elements(Int32.self))
        } else {
            lengths = nil
        }
        let present = try context.word(5, in: 1...(layout.cell == .lstm ? 7 : 3))
        try context.require(context.outputCount == present.nonzeroBitCount, .badOperand, "wrong number of outputs")
        results = try Self.output(context, 0, present, [layout.steps] + state)
        lastHidden = try Self.output(context, 1, present, state)
        lastCell = try Self.output(context, 2, present, state)
        let linear = try context.word(2, in: 0...1)
        isLinear = layout.cell == .gru && linear == 1
        guard let bytes = layout.scratchBytes(packsInput: !weights.isPacked, packsRecurrent: !recurrent.isPacked) else {
            throw ImageError(.badScratch, .operation(context.index), "a recurrent layer needs too much scratch")
        }
        memory = RecurrentMemory(
            layout, start: try context.scratch(bytes).assumingMemoryBound(to: Float.self),
            packsInput: !weights.isPacked, packsRecurrent: !recurrent.isPacked)
        forward = try Self.cell(context, 0, layout, memory, hasPeepholes: peepholes != nil)
        backward =
            layout.directions == 2
            ? try Self.cell(context, 1, layout, memory, hasPeepholes: peepholes != nil) : forward
    }

    private static func optional(
        _ context: OperatorContext, _ slot: Int, _ shape: [Int]
    ) throws(ImageError) -> UnsafePointer<Float>? {
        guard let view = context.optionalInput(slot) else { return nil }
        try context.require(view.elementType == .float32, .badOperand, "an input has the wrong element type")
        try context.require(view.shape.hasDimensions(shape), "an operand does not fit the recurrent layer")
        return UnsafePointer(view.elements(Float.self))
    }

    private static func output(
        _ context: OperatorContext, _ bit: Int, _ present: Int, _ shape: [Int]
    ) throws(ImageError) -> UnsafeMutablePointer<Float>? {
        guard present >> bit & 1 == 1 else { return nil }
        let view = try context.output((present & ((1 << bit) - 1)).nonzeroBitCount, .float32)
        try context.require(view.shape.hasDimensions(shape), "an output does not fit the recurrent layer")
        return view.elements(Float.self)
    }

    private static func cell(
        _ context: OperatorContext, _ direction: Int, _ layout: RecurrentLayout, _ memory: RecurrentMemory,
        hasPeepholes: Bool
    ) throws(ImageError) -> CellArguments {
        let (first, second, third) = try RecurrentOperators.functions(context, direction: direction)
        let kind: CellKind
        switch layout.cell {
        case .rnn: kind = .rnn
        case .gru: kind = .gru
        case .lstm: kind = .lstm
        }
        return CellArguments(
            kind: kind, width: layout.paddedHidden, gates: UnsafePointer(memory.gates), hidden: memory.hidden,
            cell: memory.cell, peepholes: hasPeepholes && kind == .lstm ? UnsafePointer(memory.peepholes) : nil,
            first: first, second: second, third: third, clip: try context.float(4),
            couplesForget: try context.word(3, in: 0...1) == 1)
    }

    // MARK: - Running

    func run() {
        for direction in 0..<layout.directions {
            run(direction, backwards: isReverse || direction == 1)
        }
    }

    private func run(_ direction: Int, backwards: Bool) {
        let panels = weights.panels(direction, layout, room: memory.inputPanels)
        let recurrentPanels = recurrent.panels(direction, layout, room: memory.recurrentPanels)
        prepare(direction)
        var done = 0
        while done < layout.steps {
            let count = min(layout.chunkSteps, layout.steps - done)
            let start = backwards ? layout.steps - done - count : done
            multiplyInputs(panels, steps: start..<start + count)
            for index in 0..<count {
                let offset = backwards ? count - 1 - index : index
                let products = memory.products + offset * layout.batch * layout.gateColumns
                advance(direction, step: start + offset, products, recurrentPanels)
            }
            done += count
        }
        finish(direction)
    }

    /// Biases, peepholes and state of a direction, padded.
    private func prepare(_ direction: Int) {
        let (gates, hidden, padded) = (layout.cell.gates, layout.hidden, layout.paddedHidden)
        for gate in 0..<gates {
            let own = bias.map { $0 + (direction * 2 * gates + gate) * hidden }
            let other = bias.map { $0 + (direction * 2 * gates + gates + gate) * hidden }
            // What a reset gate multiplies has the recurrent bias inside.
            let isInside = isLinear && gate == 2
            for index in 0..<padded {
                let (own, other) = index < hidden ? (own?[index] ?? 0, other?[index] ?? 0) : (0, 0)
                memory.bias[gate * padded + index] = isInside ? own : own + other
                if isInside { memory.linearBias[index] = other }
            }
        }
        if let peepholes {
            for gate in 0..<3 {
                for index in 0..<padded {
                    memory.peepholes[gate * padded + index] =
                        index < hidden ? peepholes[(direction * 3 + gate) * hidden + index] : 0
                }
            }
        }
        load(firstHidden, direction, to: memory.hidden)
        load(firstCell, direction, to: memory.cell)
    }

    private func load(
        _ source: UnsafePointer<Float>?, _ direction: Int, to state: UnsafeMutablePointer<Float>
    ) {
        let (hidden, padded) = (layout.hidden, layout.paddedHidden)
        for row in 0..<layout.batch {
            let line = source.map { $0 + (direction * layout.batch + row) * hidden }
            for index in 0..<padded { state[row * padded + index] = index < hidden ? line?[index] ?? 0 : 0 }
        }
    }

    /// The inputs' share of the gates of some steps, with the biases.
    private func multiplyInputs(_ panels: UnsafePointer<Float>, steps: Range<Int>) {
        kernels.gemm(
            GemmArguments(
                left: input + steps.lowerBound * layout.batch * layout.inputs, leftStride: layout.inputs,
                panels: panels, bias: UnsafePointer(memory.bias), result: memory.products,
                resultStride: layout.gateColumns, rows: steps.count * layout.batch, inner: layout.inputs,
                columns: layout.gateColumns, clamp: .none))
    }

    /// One step of the whole batch.
    private func advance(
        _ direction: Int, step: Int, _ products: UnsafeMutablePointer<Float>, _ panels: UnsafePointer<Float>
    ) {
        var arguments = direction == 0 ? forward : backward
        let padded = layout.paddedHidden
        switch (layout.cell, isLinear) {
        case (.gru, true):
            multiplyState(panels, gates: 0..<2, products)
            multiplyLinear(panels)
        case (.gru, false):
            multiplyState(panels, gates: 0..<2, products)
            arguments.kind = .gruReset
            for row in 0..<layout.batch { kernels.cell(arguments.row(row, layout)) }
            arguments.kind = .gru
            multiplyState(panels, gates: 2..<3, products, state: memory.cell)
        default: multiplyState(panels, gates: 0..<layout.cell.gates, products)
        }
        for row in 0..<layout.batch {
            let target = results.map {
                $0 + ((step * layout.directions + direction) * layout.batch + row) * layout.hidden
            }
            guard isActive(row, step) else {
                target?.update(repeating: 0, count: layout.hidden)
                continue
            }
            var line = arguments.row(row, layout)
            if isLinear { line.linear = UnsafePointer(products + row * layout.gateColumns + 2 * padded) }
            kernels.cell(line)
            target?.update(from: memory.hidden + row * padded, count: layout.hidden)
        }
    }

    /// Gates of the state, added to the inputs' share.
    private func multiplyState(
        _ panels: UnsafePointer<Float>, gates: Range<Int>, _ products: UnsafeMutablePointer<Float>,
        state: UnsafeMutablePointer<Float>? = nil
    ) {
        let first = gates.lowerBound * layout.paddedHidden
        kernels.gemm(
            GemmArguments(
                left: UnsafePointer(state ?? memory.hidden), leftStride: layout.paddedHidden,
                panels: panels + first * layout.hidden, bias: nil, addend: UnsafePointer(products + first),
                result: memory.gates + first, resultStride: layout.gateColumns, rows: layout.batch,
                inner: layout.hidden, columns: gates.count * layout.paddedHidden, clamp: .none))
    }

    /// What the reset gate of a GRU multiplies when that comes last.
    private func multiplyLinear(_ panels: UnsafePointer<Float>) {
        let first = 2 * layout.paddedHidden
        kernels.gemm(
            GemmArguments(
                left: UnsafePointer(memory.hidden), leftStride: layout.paddedHidden,
                panels: panels + first * layout.hidden, bias: UnsafePointer(memory.linearBias),
                result: memory.gates + first, resultStride: layout.gateColumns, rows: layout.batch,
                inner: layout.hidden, columns: layout.paddedHidden, clamp: .none))
    }

    /// True when the sequence of a batch entry has the step. A length outside of 0...steps has none or all.
    private func isActive(_ row: Int, _ step: Int) -> Bool {
        lengths.map { step < Int($0[row]) } ?? true
    }

    /// Hands the last state out.
    private func finish(_ direction: Int) {
        let (hidden, padded) = (layout.hidden, layout.paddedHidden)
        for row in 0..<layout.batch {
            let place = (direction * layout.batch + row) * hidden
            lastHidden.map { $0 + place }?.update(from: memory.hidden + row * padded, count: hidden)
            lastCell.map { $0 + place }?.update(from: memory.cell + row * padded, count: hidden)
        }
    }
}

extension CellArguments {
    /// The same for row `row` of the batch.
    fileprivate func row(_ row: Int, _ layout: RecurrentLayout) -> CellArguments {
        var line = self
        line.gates += row * layout.gateColumns
        line.hidden += row * layout.paddedHidden
        line.cell += row * layout.paddedHidden
        return line
    }
}

/// The working memory of a recurrent layer: what ``RecurrentLayout/scratchBytes(packsInput:packsRecurrent:)`` counts.
private struct RecurrentMemory {
    let bias: UnsafeMutablePointer<Float>
    let linearBias: UnsafeMutablePointer<Float>
    let peepholes: UnsafeMutablePointer<Float>
    let products: UnsafeMutablePointer<Float>
    let gates: UnsafeMutablePointer<Float>
    let hidden: UnsafeMutablePointer<Float>
    let cell: UnsafeMutablePointer<Float>
    let inputPanels: UnsafeMutablePointer<Float>
    let recurrentPanels: UnsafeMutablePointer<Float>

    init(_ layout: RecurrentLayout, start: UnsafeMutablePointer<Float>, packsInput: Bool, packsRecurrent: Bool) {
        let (columns, padded) = (layout.gateColumns, layout.paddedHidden)
        var next = start
        func take(_ count: Int) -> UnsafeMutablePointer<Float> {
            defer { next += count }
            return next
        }
        bias = take(columns)
        linearBias = take(padded)
        peepholes = take(3 * padded)
        products = take(columns * layout.batch * layout.chunkSteps)
        gates = take(columns * layout.batch)
        hidden = take(padded * layout.batch)
        cell = take(padded * layout.batch)
        inputPanels = take(packsInput ? columns * layout.inputs : 0)
        recurrentPanels = take(packsRecurrent ? columns * layout.hidden : 0)
    }
}
