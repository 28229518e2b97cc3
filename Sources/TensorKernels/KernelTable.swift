/// Sizes that images, the executor and every instruction set agree on; `ModelImage` has the same numbers.
public enum KernelLayout {
    /// Columns of a panel of packed weights.
    public static let panelWidth = 16
    /// Output pixels that a convolution computes, about, from one padded strip of its input.
    public static let stripPixels = 96
    /// Bytes past the arena's end that a kernel may load (never use): one whole panel row.
    public static let slackBytes = 64
}

/// The kernels that vector instructions make faster, for one instruction set. Each instruction set's module is the
/// same source compiled for other registers; one of the tables is chosen when a model is loaded.
public struct KernelTable: Sendable {
    public var gemm: @Sendable (GemmArguments) -> Void
    public var convolution: @Sendable (ConvolutionArguments) -> Void
    public let depthwise: @Sendable (DepthwiseArguments) -> Void
    public let pool: @Sendable (PoolArguments) -> Void
    public let unary: @Sendable (UnaryArguments) -> Void
    public let binary: @Sendable (BinaryArguments) -> Void
    public let affine: @Sendable (AffineArguments) -> Void
    public let softmax: @Sendable (SoftmaxArguments) -> Void
    public let reduce: @Sendable (ReduceArguments) -> Void
    public let cell: @Sendable (CellArguments) -> Void
    public let integer: IntegerKernels

    public init(
        gemm: @escaping @Sendable (GemmArguments) -> Void,
        convolution: @escaping @Sendable (ConvolutionArguments) -> Void,
        depthwise: @escaping @Sendable (DepthwiseArguments) -> Void,
        pool: @escaping @Sendable (PoolArguments) -> Void,
        unary: @escaping @Sendable (UnaryArguments) -> Void,
        binary: @escaping @Sendable (BinaryArguments) -> Void,
        affine: @escaping @Sendable (AffineArguments) -> Void,
        softmax: @escaping @Sendable (SoftmaxArguments) -> Void,
        reduce: @escaping @Sendable (ReduceArguments) -> Void,
        cell: @escaping @Sendable (CellArguments) -> Void,
        integer: IntegerKernels
    ) {
        self.gemm = gemm
        self.convolution = convolution
        self.depthwise = depthwise
        self.pool = pool
        self.unary = unary
        self.binary = binary
        self.affine = affine
        self.softmax = softmax
        self.reduce = reduce
        self.cell = cell
        self.integer = integer
    }
}
