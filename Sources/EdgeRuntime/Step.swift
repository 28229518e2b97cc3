import OperatorInterface
import TensorKernels

/// One prepared step: a kernel's arguments with all pointers in place. Preparing happens once, when a model is
/// loaded; a run only walks the steps.
enum Step {
    case gemm(GemmArguments)
    case matMul(MatMulStep)
    case convolution(ConvolutionArguments)
    case depthwise(DepthwiseArguments)
    case pool(PoolArguments)
    case unary(UnaryArguments)
    case binary(BinaryArguments)
    case affine(AffineArguments)
    case softmax(SoftmaxArguments)
    case reduce(ReduceArguments)
    case argMax(ArgMaxStep)
    case gather(GatherStep)
    case copyRows(CopyRowsStep)
    case pad(PadArguments)
    case integerConvolution(IntegerConvolutionArguments)
    case integerDepthwise(IntegerConvolutionArguments)
    case integerBinary(IntegerBinaryArguments)
    case integerPool(IntegerPoolArguments)
    case quantize(QuantizeArguments)
    case dequantize(QuantizeArguments)
    case lookup(LookupArguments)
    case portable(PreparedOperator)
}

/// A batch of products whose right matrices are packed during the run.
struct MatMulStep {
    /// The product of one batch entry; its left, result and panels are those of the first.
    var product: GemmArguments
    var panels: UnsafeMutablePointer<Float>
    var right: UnsafePointer<Float>
    var rightRowStride: Int
    var rightColumnStride: Int
    /// Walks the batch: elements into the left and the right operand.
    var batches: LoopNest

    func run(_ kernels: KernelTable) {
        var product = product
        let left = product.left
        var position = LoopPosition()
        var packed = -1
        for _ in 0..<batches.count {
            if position.second != packed {
                Movement.packPanels(
                    right + position.second, rows: product.inner, columns: product.columns,
                    rowStride: rightRowStride, columnStride: rightColumnStride, to: panels)
                packed = position.second
            }
            product.left = left + position.first
            kernels.gemm(product)
            product.result += product.rows * product.columns
            position.advance(in: batches)
        }
    }
}

/// Arguments of ``Movement/argMax(_:to:outer:size:inner:smallest:last:)``.
struct ArgMaxStep {
    var input: UnsafePointer<Float>
    var result: UnsafeMutablePointer<Int64>
    var outer: Int
    var size: Int
    var inner: Int
    var smallest: Bool
    var last: Bool
}

/// Arguments of ``Movement/gather(_:from:to:elementSize:)``.
struct GatherStep {
    var loops: LoopNest
    var source: UnsafeRawPointer
    var result: UnsafeMutableRawPointer
    var elementSize: Int
}

/// Arguments of ``Movement/copyRows(_:rowBytes:from:sourceStride:to:resultStride:)``.
struct CopyRowsStep {
    var rows: Int
    var rowBytes: Int
    var source: UnsafeRawPointer
    var sourceStride: Int
    var result: UnsafeMutableRawPointer
    var resultStride: Int
}

extension Step {
    /// Executes the step.
    func run(_ kernels: KernelTable) {
        switch self {
        case .gemm(let arguments): kernels.gemm(arguments)
        case .matMul(let step): step.run(kernels)
        case .convolution(let arguments): kernels.convolution(arguments)
        case .depthwise(let arguments): kernels.depthwise(arguments)
        case .pool(let arguments): kernels.pool(arguments)
        case .unary(let arguments): kernels.unary(arguments)
        case .binary(let arguments): kernels.binary(arguments)
        case .affine(let arguments): kernels.affine(arguments)
        case .softmax(let arguments): kernels.softmax(arguments)
        case .reduce(let arguments): kernels.reduce(arguments)
        case .argMax(let step):
            Movement.argMax(
                step.input, to: step.result, outer: step.outer, size: step.size, inner: step.inner,
                smallest: step.smallest, last: step.last)
        case .gather(let step):
            Movement.gather(step.loops, from: step.source, to: step.result, elementSize: step.elementSize)
        case .copyRows(let step):
            Movement.copyRows(
                step.rows, rowBytes: step.rowBytes, from: step.source, sourceStride: step.sourceStride,
                to: step.result, resultStride: step.resultStride)
        case .pad(let arguments): Movement.pad(arguments)
        case .integerConvolution(let arguments): kernels.integer.convolution(arguments)
        case .integerDepthwise(let arguments): kernels.integer.depthwise(arguments)
        case .integerBinary(let arguments): kernels.integer.binary(arguments)
        case .integerPool(let arguments): kernels.integer.pool(arguments)
        case .quantize(let arguments): kernels.integer.quantize(arguments)
        case .dequantize(let arguments): kernels.integer.dequantize(arguments)
        case .lookup(let arguments): Movement.lookup(arguments)
        case .portable(let run): run()
        }
    }
}
