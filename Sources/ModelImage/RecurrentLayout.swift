/// A recurrent layer's cell. Raw values are those of the attribute word.
public enum RecurrentCell: Int32, Sendable, CaseIterable {
    case rnn
    case gru
    case lstm

    /// Matrices per weight tensor: one, update-reset-hidden, or input-output-forget-cell, in ONNX's order.
    public var gates: Int {
        switch self {
        case .rnn: 1
        case .gru: 3
        case .lstm: 4
        }
    }
}

/// A function that a recurrent cell applies. Raw values are those of the attribute word; formulas are ONNX's, with its
/// `alpha` and `beta`.
public enum RecurrentFunction: Int32, Sendable, CaseIterable {
    case sigmoid
    case tanh
    case relu
    /// `alpha·x + beta`
    case affine
    case leakyRelu
    case thresholdedRelu
    /// `alpha·tanh(beta·x)`
    case scaledTanh
    case hardSigmoid
    case elu
    case softsign
    case softplus
}

/// Sizes of a recurrent layer and of its working memory: the same for the compiler that plans it and the operator that
/// uses it.
///
/// Every gate's columns are rounded up to whole panels, so that kernels never meet half a vector: a row of gates has
/// ``gateColumns`` elements, a row of state ``paddedHidden``.
public struct RecurrentLayout: Equatable, Sendable {
    public let cell: RecurrentCell
    /// 1, or 2 for a bidirectional layer.
    public let directions: Int
    public let steps: Int
    public let batch: Int
    /// Elements of an input vector.
    public let inputs: Int
    /// Elements of the state.
    public let hidden: Int

    /// Sizes of a layer; each at least 1.
    public init(cell: RecurrentCell, directions: Int, steps: Int, batch: Int, inputs: Int, hidden: Int) {
        self.cell = cell
        self.directions = directions
        self.steps = steps
        self.batch = batch
        self.inputs = inputs
        self.hidden = hidden
    }

    /// ``hidden``, rounded up to whole panels.
    public var paddedHidden: Int { (hidden + PanelLayout.width - 1) / PanelLayout.width * PanelLayout.width }

    /// Columns of all gates, each rounded up to whole panels.
    public var gateColumns: Int { cell.gates * paddedHidden }

    /// The shape of weights in panels: `[directions, panels of all gates, rows, 16]`. Rows are ``inputs`` or
    /// ``hidden``.
    public func packedShape(rows: Int) -> [Int] {
        [directions, gateColumns / PanelLayout.width, rows, PanelLayout.width]
    }

    /// Steps whose inputs are multiplied at a time: about 96 rows, which stay in the caches until they are used.
    public var chunkSteps: Int { min(steps, max(1, 96 / batch)) }

    /// Bytes of scratch, in floats of four bytes: weights in panels where they are given at run time, biases, peepholes,
    /// a chunk of products with the inputs, and state. `nil` beyond ``ImageLimits/arenaBytes``.
    public func scratchBytes(packsInput: Bool, packsRecurrent: Bool) -> Int? {
        let columns = Int64(gateColumns)
        let padded = Int64(paddedHidden)
        let rows = Int64(batch)
        var floats = columns + padded * 4
        if packsInput { floats += columns * Int64(inputs) }
        if packsRecurrent { floats += columns * Int64(hidden) }
        floats += columns * rows * Int64(chunkSteps + 1)
        floats += padded * rows * 2
        guard floats <= Int64(ImageLimits.arenaBytes / 4) else { return nil }
        return Int(floats) * 4
    }
}
