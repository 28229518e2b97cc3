/// A function that a recurrent cell applies. Raw values and formulas are those of `ModelImage.RecurrentFunction`.
public enum CellFunction: Int32, Sendable, CaseIterable {
    case sigmoid, tanh, relu, affine, leakyRelu, thresholdedRelu, scaledTanh, hardSigmoid, elu, softsign, softplus
}

/// A function with its parameters.
public struct CellActivation: Equatable, Sendable {
    public var function: CellFunction
    public var alpha: Float
    public var beta: Float

    public init(_ function: CellFunction, alpha: Float = 0, beta: Float = 0) {
        self.function = function
        self.alpha = alpha
        self.beta = beta
    }
}

/// What a step of a recurrent layer computes from a row of gates, after the matrix products.
public enum CellKind: Sendable {
    /// `h = f(gates)`
    case rnn
    /// Gates z, r, h: `product = f(r)·h`, which the next matrix product takes.
    case gruReset
    /// Gates z, r, h: `h = (1 − f(z))·g(ĥ) + f(z)·h`, where `ĥ` is the third gate, or `linear + f(r)·third gate`.
    case gru
    /// Gates i, o, f, c with `f`, `g`, `h`: `c = f(f)·c + f(i)·g(c)`, `h = f(o)·h(c)`.
    case lstm
}

/// One row of a recurrent step. All rows have ``width`` elements per gate, a multiple of
/// ``KernelLayout/panelWidth``; what is past the layer's own elements is computed too and never read.
public struct CellArguments {
    public var kind: CellKind
    public var width: Int
    /// The gates, one after another.
    public var gates: UnsafePointer<Float>
    /// GRU with `linear_before_reset`: the input's share of the third gate.
    public var linear: UnsafePointer<Float>?
    /// The state, which is replaced.
    public var hidden: UnsafeMutablePointer<Float>
    /// LSTM: the cell's state, which is replaced. GRU: what ``CellKind/gruReset`` writes.
    public var cell: UnsafeMutablePointer<Float>
    /// LSTM: what multiplies the cell's state into the gates i, o and f.
    public var peepholes: UnsafePointer<Float>?
    public var first: CellActivation
    public var second: CellActivation
    public var third: CellActivation
    /// Gates are cut to `−clip...clip`; ∞ cuts nothing.
    public var clip: Float
    /// LSTM: the forget gate is `1 − i`.
    public var couplesForget: Bool

    public init(
        kind: CellKind, width: Int, gates: UnsafePointer<Float>, linear: UnsafePointer<Float>? = nil,
        hidden: UnsafeMutablePointer<Float>, cell: UnsafeMutablePointer<Float>,
        peepholes: UnsafePointer<Float>? = nil, first: CellActivation, second: CellActivation, third: CellActivation,
        clip: Float = .infinity, couplesForget: Bool = false
    ) {
        self.kind = kind
        self.width = width
        self.gates = gates
        self.linear = linear
        self.hidden = hidden
        self.cell = cell
        self.peepholes = peepholes
        self.first = first
        self.second = second
        self.third = third
        self.clip = clip
        self.couplesForget = couplesForget
    }
}
