import ModelImage

/// Where the channels of a window operation stand.
enum ChannelOrder: Equatable, Sendable {
    /// `[batch, channels, space…]`, as in ONNX.
    case first
    /// `[batch, space…, channels]`, as the runtime's kernels want them.
    case last
}

/// What a pool computes of each window.
enum PoolFunction: Equatable, Sendable {
    case maximum
    case average(countsPadding: Bool)
}

/// The window of a convolution or pool: one entry per spatial axis.
struct SpatialWindow: Equatable, Sendable {
    var kernel: [Int]
    var strides: [Int]
    var dilations: [Int]
    var padsBefore: [Int]
    var padsAfter: [Int]
    /// The extents of the result, which rounding up (`ceil_mode`) can make one larger than the rest implies.
    var output: [Int]

    /// Leaves the first axis out.
    mutating func dropFirst() {
        kernel.removeFirst()
        strides.removeFirst()
        dilations.removeFirst()
        padsBefore.removeFirst()
        padsAfter.removeFirst()
        output.removeFirst()
    }

    /// How much input one window covers along `axis`.
    func reach(_ axis: Int) -> Int { (kernel[axis] - 1) * dilations[axis] + 1 }
}

/// An operation of the compiler's graph. Operands are listed as `inputs → output`; `?` marks an optional input.
///
/// The graph says *what* is computed; ``KernelSelection`` turns it into the image's operations, which say how.
enum GraphOperation: Equatable, Sendable {
    /// `a[…, K], weights[K, N] constant, bias[N] constant?, addend[…, N]? → y[…, N]`
    case dense
    /// `a[batch…, M, K], b[batch…, K, N] → y[batch…, M, N]`; `b` is `[batch…, N, K]` when transposed
    case matMul(transposedRight: Bool)
    /// `x, weights[M, C / groups, kernel…] constant, bias[M] constant?, addend? → y`; an addend has y's shape
    case convolution(SpatialWindow, groups: Int, ChannelOrder)
    /// `x → y`
    case pool(PoolFunction, SpatialWindow, ChannelOrder)
    /// `x → y`: the node's activation
    case unary
    /// `a, b → y` with broadcasting
    case binary(BinaryFunction)
    /// `x, scale[C] constant, shift[C] constant → y`: `x·scale + shift` along the axis
    case affine(axis: Int)
    /// `x → y`: the same elements under another shape
    case reshape([Int])
    /// `x → y`: axis `i` of `y` is axis `permutation[i]` of `x`
    case transpose([Int])
    /// `x0, x1, … → y`
    case concat(axis: Int)
    /// `x → y`: index `i` of axis `d` reads `starts[d] + i·steps[d]`
    case slice(starts: [Int], steps: [Int], counts: [Int])
    /// `x → y`
    case pad(before: [Int], after: [Int], mode: PadMode, value: Float)
    /// `x → y`
    case softmax(axis: Int, logarithmic: Bool)
    /// `x → y`: the axes, ascending, are reduced and kept with extent 1 if told
    case reduce(ReduceFunction, axes: [Int], keepsAxes: Bool)
    /// `x → y (int64)`
    case argMax(axis: Int, smallest: Bool, last: Bool, keepsAxis: Bool)
    /// An operation on bytes
    case quantized(QuantizedOperation)
    /// An operator of `TensorOperators`
    case portable(PortableNode)

    /// True when the image's operation applies an activation to its result at no cost.
    var takesActivation: Bool {
        switch self {
        case .dense, .matMul, .convolution, .unary, .binary, .affine: true
        default: false
        }
    }

    /// True when operands behind the first are parameters whose order of elements is their own.
    var hasParameters: Bool {
        switch self {
        case .affine, .quantized(.quantize), .quantized(.lookup): true
        default: false
        }
    }

    /// True for the operations on floats that take a bias and an addend.
    var isLayer: Bool {
        switch self {
        case .dense, .convolution: true
        default: false
        }
    }

    /// True for `a[…, K], weights[K, N], … → y[…, N]` on floats or bytes.
    var isDense: Bool {
        switch self {
        case .dense, .quantized(.dense): true
        default: false
        }
    }

    /// True when each element of the result depends only on the element (or elements) at its own place.
    var isElementwise: Bool {
        switch self {
        case .unary, .binary, .affine, .quantized(.quantize), .quantized(.lookup), .quantized(.binary): true
        default: false
        }
    }
}

/// A portable operator as the importer has made it: shapes and types of its results are known, so that passes need
/// not understand it.
struct PortableNode: Equatable, Sendable {
    var opcode: Opcode
    /// The attribute words.
    var words: [Int32] = []
    /// What each output is.
    var results: [ShapeInference.Result]
    /// Bytes of working memory.
    var scratchBytes = 0
    /// True when the first result may take the place of an operand of the same shape.
    var mayRunInPlace = false
}
