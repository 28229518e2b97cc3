/// One entry of the tensor table.
public struct TensorRecord: Equatable, Sendable {
    public let elementType: ElementType
    public let kind: TensorKind
    public let layout: TensorLayout
    public let shape: Shape
    /// Bytes from the start of the weights section (constants) or of the arena (all others); a multiple of
    /// ``ImageFormat/alignment``.
    public let offset: Int
    /// Bytes of the elements, without padding.
    public let byteCount: Int
    /// The int64 scalar in the arena that holds, after a run, how much of the first dimension is filled; nil when all
    /// of it is. Results whose extent depends on data are planned up to a maximum.
    public let extent: Int?
}

/// One entry of the plan, in the order of execution.
public struct OperationRecord: Equatable, Sendable {
    public let operation: Operation
    /// Applied to the output's elements; what `unary` computes. For `pad` its `alpha` is the constant.
    public let activation: Activation
    /// Inputs and outputs of the operation.
    public let inputCount: Int
    public let outputCount: Int
    /// Where the operation may keep working data during its step, in the arena.
    public let scratchOffset: Int
    public let scratchBytes: Int
    /// The index of the first operand in the words section.
    let operandStart: Int
}
