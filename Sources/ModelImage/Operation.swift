/// The window of a convolution or pool over a channels-last tensor `[batch, height, width, channels]`.
///
/// Output row `y` and kernel row `j` read input row `y·strideHeight + j·dilationHeight − padTop`; columns likewise.
/// Padding at the bottom and right follows from the output's shape; the stored values are the model's own and
/// matter for `averagePool` that counts padding. One-dimensional windows have height 1.
public struct Window: Hashable, Sendable {
    public var kernelHeight: Int
    public var kernelWidth: Int
    public var strideHeight: Int
    public var strideWidth: Int
    public var dilationHeight: Int
    public var dilationWidth: Int
    public var padTop: Int
    public var padLeft: Int
    public var padBottom: Int
    public var padRight: Int

    /// A window of `kernel` (height, width); strides and dilations default to 1, pads (top, left, bottom, right) to 0.
    public init(
        kernel: (Int, Int), stride: (Int, Int) = (1, 1), dilation: (Int, Int) = (1, 1),
        pads: (top: Int, left: Int, bottom: Int, right: Int) = (0, 0, 0, 0)
    ) {
        (kernelHeight, kernelWidth) = kernel
        (strideHeight, strideWidth) = stride
        (dilationHeight, dilationWidth) = dilation
        (padTop, padLeft, padBottom, padRight) = pads
    }

    /// The number of kernel positions.
    public var taps: Int { kernelHeight * kernelWidth }

    /// True when each output pixel reads exactly the input pixel of the same place.
    public var isPointwise: Bool {
        kernelHeight == 1 && kernelWidth == 1 && strideHeight == 1 && strideWidth == 1
            && padTop == 0 && padLeft == 0 && padBottom == 0 && padRight == 0
    }
}

/// One step's computation with its attributes. Operands are listed as `inputs → output`, `?` marks an optional
/// input; all are dense float32 unless told. Shapes are exact: a reader refuses a plan whose shapes do not fit.
public enum Operation: Equatable, Sendable {
    /// `a[…, K], weights[K, N] panels, bias[N]? → y[…, N]`: `y = a·weights + bias`, leading dimensions flattened.
    case gemm
    /// `a[batch…, M, K], b[batch…, K, N] → y[batch…, M, N]` with batch dimensions broadcast; `b` is
    /// `[batch…, N, K]` when `transposedRight`. Both operands are dense, of rank 2 or more.
    case matMul(transposedRight: Bool)
    /// `x[B, H, W, C], weights[groups, kernelHeight·kernelWidth·C/groups, M/groups] panels, bias[M]? → y[B, OH, OW, M]`;
    /// `x` may also be `[B, W, C]`-shaped data viewed as `[B, 1, W, C]`. A weight's row is `(j·kernelWidth + i)·C/groups + c`.
    case convolution(Window, groups: Int)
    /// `x[B, H, W, C], weights[kernelHeight·kernelWidth, C] panels, bias[C]? → y[B, OH, OW, C]`: one filter per channel.
    case depthwise(Window)
    /// `x[B, H, W, C] → y[B, OH, OW, C]`; padding never wins.
    case maxPool(Window)
    /// `x[B, H, W, C] → y[B, OH, OW, C]`; the divisor counts padding when `countsPadding`, else only elements.
    case averagePool(Window, countsPadding: Bool)
    /// `x → y` of the same element count: the step's activation applied to each element. May be in place.
    case unary
    /// `a, b → y`, `y`'s shape the broadcast of both. May be in place over an input of the same shape as `y`.
    case binary(BinaryFunction)
    /// `x, scale[C], shift[C] → y`: `x·scale + shift` along `axis` of size C (BatchNormalization). May be in place.
    case affine(axis: Int)
    /// `x → y` of the same element count and type (any type): bytes are copied.
    case copy
    /// `x → y`: dimension `d` of `y` is dimension `permutation[d]` of `x` (any type).
    case transpose(AxisValues)
    /// `x0, x1, … → y` joined along `axis` (any type).
    case concat(axis: Int)
    /// `x → y`: index `i` of dimension `d` reads `starts[d] + i·steps[d]`, within `x` for all of `y` (any type).
    case slice(starts: AxisValues, steps: AxisValues)
    /// `x → y`: `x` placed at `before` inside `y`; the rest by `mode` (`constant` is the step's alpha).
    case pad(before: AxisValues, mode: PadMode)
    /// `x → y` of the same shape over `axis`; its logarithm when `logarithmic`. May be in place.
    case softmax(axis: Int, logarithmic: Bool)
    /// `x → y`: `axes` (ascending) reduced; `y` has the remaining elements, with or without the axes kept as 1.
    case reduce(ReduceFunction, axes: AxisValues)
    /// `x → y (int64)`: the index of the largest (or `smallest`) element over `axis`; of equals the `last`, or the
    /// first.
    case argMax(axis: Int, smallest: Bool, last: Bool)
    /// An operation on bytes: see ``IntegerOperation``.
    case integer(IntegerOperation)
    /// Any operands → any results: what an ``Opcode`` from ``Opcode/firstPortable`` on computes, with its attribute
    /// words. The reader checks that operands exist; the operator itself (`TensorOperators`) checks types, shapes and
    /// attributes when a model is loaded.
    case portable(Opcode, words: [Int32])
}

/// The operation's number in the format. 1–31 are float operations, 64–79 those on bytes, what else is
/// below 256 is kept for further vector kernels; from 256 on are the portable operators, which `TensorOperators` implements for any element type.
public enum Opcode: UInt16, Sendable, CaseIterable {
    case gemm = 1
    case matMul = 2
    case convolution = 3
    case depthwise = 4
    case maxPool = 5
    case averagePool = 6
    case unary = 7
    case binary = 8
    case affine = 9
    case copy = 10
    case transpose = 11
    case concat = 12
    case slice = 13
    case pad = 14
    case softmax = 15
    case reduce = 16
    case argMax = 17
    case quantize = 64
    case dequantize = 65
    case integerGemm = 66
    case integerConvolution = 67
    case integerDepthwise = 68
    case integerBinary = 69
    case integerAveragePool = 70
    case integerMaxPool = 71
    case lookup = 72

    // Elementwise, each with broadcasting
    case mapElements = 256
    case combineElements = 257
    case selectElements = 258
    case castElements = 259
    case expand = 260
    case reduceElements = 261
    case argReduce = 262

    // Places that an operand names
    case gather = 300
    case gatherElements = 301
    case gatherBlocks = 302
    case scatterElements = 303
    case scatterBlocks = 304

    // Choice by size
    case topK = 305
    case nonMaximumSuppression = 306

    // Resampling and windows over any number of axes
    case resampleTable = 307
    case resample = 308
    case poolWindows = 309
    case unfold = 310
    case fold = 311

    // Tensors made of a few numbers
    case range = 312
    case melWeights = 313
    case dropout = 314

    // Sums of products of bytes
    case integerMatMul = 320
    case integerSums = 321

    // Classic machine learning
    case treeEnsemble = 400
    case classifyScores = 401
    case transformScores = 402
    case kernelMatrix = 403
    case supportVectorClassifier = 404
    case normalizeRows = 405
    case lookUp = 406
    case pickFeatures = 407

    // Recurrent layers
    case recurrent = 480

    /// The first number of a portable operator.
    public static let firstPortable: UInt16 = 256

    /// True for operators of `TensorOperators`.
    public var isPortable: Bool { rawValue >= Self.firstPortable }
}

extension Operation {
    /// The operation's number.
    public var opcode: Opcode {
        switch self {
        case .gemm: .gemm
        case .matMul: .matMul
        case .convolution: .convolution
        case .depthwise: .depthwise
        case .maxPool: .maxPool
        case .averagePool: .averagePool
        case .unary: .unary
        case .binary: .binary
        case .affine: .affine
        case .copy: .copy
        case .transpose: .transpose
        case .concat: .concat
        case .slice: .slice
        case .pad: .pad
        case .softmax: .softmax
        case .reduce: .reduce
        case .argMax: .argMax
        case .integer(let operation): operation.opcode
        case .portable(let opcode, _): opcode
        }
    }

    /// True when a step may carry an activation to apply to its output.
    public var takesActivation: Bool {
        switch self {
        case .gemm, .matMul, .convolution, .depthwise, .unary, .binary, .affine: true
        default: false
        }
    }
}
