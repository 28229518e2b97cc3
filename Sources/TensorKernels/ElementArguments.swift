/// A function of one element. Raw values and formulas are those of `ModelImage.UnaryFunction`.
public enum ElementFunction: UInt8, Sendable, CaseIterable {
    case identity, relu, leakyRelu, elu, selu, sigmoid, tanh, hardSigmoid, hardSwish, softplus, softsign
    case gelu, geluTanh, clip, thresholdedRelu, swish, erf, exp, log, sqrt, abs, negate, reciprocal
    case floor, ceil, round, sign
}

/// `result[i] = function(input[i])`; may be in place.
public struct UnaryArguments {
    public var function: ElementFunction
    public var alpha: Float
    public var beta: Float
    public var input: UnsafePointer<Float>
    public var result: UnsafeMutablePointer<Float>
    public var count: Int

    public init(
        function: ElementFunction, alpha: Float, beta: Float, input: UnsafePointer<Float>,
        result: UnsafeMutablePointer<Float>, count: Int
    ) {
        self.function = function
        self.alpha = alpha
        self.beta = beta
        self.input = input
        self.result = result
        self.count = count
    }
}

/// A function of two elements. Raw values are those of `ModelImage.BinaryFunction`.
public enum PairFunction: Int32, Sendable, CaseIterable {
    case add = 1
    case subtract
    case multiply
    case divide
    case power
    case minimum
    case maximum
    case parametricRelu
}

/// `result = function(first, second)`: `loops` walks both inputs, results are written in order; may be in place.
public struct BinaryArguments {
    public var function: PairFunction
    public var loops: LoopNest
    public var first: UnsafePointer<Float>
    public var second: UnsafePointer<Float>
    public var result: UnsafeMutablePointer<Float>

    public init(
        function: PairFunction, loops: LoopNest, first: UnsafePointer<Float>, second: UnsafePointer<Float>,
        result: UnsafeMutablePointer<Float>
    ) {
        self.function = function
        self.loops = loops
        self.first = first
        self.second = second
        self.result = result
    }
}

/// `result[o, c, i] = input[o, c, i]·scale[c] + shift[c]`; may be in place.
public struct AffineArguments {
    public var input: UnsafePointer<Float>
    public var scale: UnsafePointer<Float>
    public var shift: UnsafePointer<Float>
    public var result: UnsafeMutablePointer<Float>
    public var outer: Int
    public var channels: Int
    public var inner: Int

    public init(
        input: UnsafePointer<Float>, scale: UnsafePointer<Float>, shift: UnsafePointer<Float>,
        result: UnsafeMutablePointer<Float>, outer: Int, channels: Int, inner: Int
    ) {
        self.input = input
        self.scale = scale
        self.shift = shift
        self.result = result
        self.outer = outer
        self.channels = channels
        self.inner = inner
    }
}

/// Softmax over the middle of `[outer, size, inner]`; may be in place.
public struct SoftmaxArguments {
    public var input: UnsafePointer<Float>
    public var result: UnsafeMutablePointer<Float>
    public var outer: Int
    public var size: Int
    public var inner: Int
    /// The logarithm of the softmax instead.
    public var logarithmic: Bool

    public init(
        input: UnsafePointer<Float>, result: UnsafeMutablePointer<Float>, outer: Int, size: Int, inner: Int,
        logarithmic: Bool
    ) {
        self.input = input
        self.result = result
        self.outer = outer
        self.size = size
        self.inner = inner
        self.logarithmic = logarithmic
    }
}

/// What a reduction computes. Raw values are those of `ModelImage.ReduceFunction`.
public enum Reduction: Int32, Sendable, CaseIterable {
    case sum = 1
    case mean
    case maximum
    case minimum
    case product
    case l1
    case l2
    case sumSquare
    case logSumExp
    case logSum
}

/// A reduction: `kept` walks the results, in order; `reduced` walks what each of them sums up.
public struct ReduceArguments {
    public var function: Reduction
    public var input: UnsafePointer<Float>
    public var result: UnsafeMutablePointer<Float>
    public var kept: LoopNest
    public var reduced: LoopNest

    public init(
        function: Reduction, input: UnsafePointer<Float>, result: UnsafeMutablePointer<Float>, kept: LoopNest,
        reduced: LoopNest
    ) {
        self.function = function
        self.input = input
        self.result = result
        self.kept = kept
        self.reduced = reduced
    }
}
