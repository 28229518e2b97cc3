/// A function of one element: an operation of its own, or fused to the end of another one.
///
/// Raw values are part of the format. `x` is the element; `alpha` and `beta` are ``Activation``'s parameters.
/// Formulas are those of the ONNX operator of the same name.
public enum UnaryFunction: UInt8, Sendable, CaseIterable {
    /// `x`
    case identity = 0
    /// `max(x, 0)`
    case relu = 1
    /// `x < 0 ? alpha·x : x`
    case leakyRelu = 2
    /// `x < 0 ? alpha·(exp(x) − 1) : x`
    case elu = 3
    /// `beta·(x > 0 ? x : alpha·(exp(x) − 1))` (`beta` is ONNX's `gamma`)
    case selu = 4
    /// `1 / (1 + exp(−x))`
    case sigmoid = 5
    /// `tanh(x)`
    case tanh = 6
    /// `max(0, min(1, alpha·x + beta))`
    case hardSigmoid = 7
    /// `x · max(0, min(1, x/6 + 1/2))`
    case hardSwish = 8
    /// `log(1 + exp(x))`
    case softplus = 9
    /// `x / (1 + |x|)`
    case softsign = 10
    /// `x/2 · (1 + erf(x/√2))`: Gelu with `approximate = none`
    case gelu = 11
    /// `x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³)))`: Gelu with `approximate = tanh`
    case geluTanh = 12
    /// `min(beta, max(alpha, x))`; `alpha` may be −∞ and `beta` +∞
    case clip = 13
    /// `x > alpha ? x : 0`
    case thresholdedRelu = 14
    /// `x · sigmoid(alpha·x)`: Swish; SiLU when `alpha` is 1
    case swish = 15
    /// The error function
    case erf = 16
    /// `e^x`
    case exp = 17
    /// The natural logarithm
    case log = 18
    /// `√x`
    case sqrt = 19
    /// `|x|`
    case abs = 20
    /// `−x`
    case negate = 21
    /// `1/x`
    case reciprocal = 22
    /// Rounded towards −∞
    case floor = 23
    /// Rounded towards +∞
    case ceil = 24
    /// Rounded to the nearest integer, halves to even
    case round = 25
    /// −1, 0 or 1
    case sign = 26
}

/// A unary function with its parameters.
public struct Activation: Equatable, Sendable {
    /// What is computed.
    public let function: UnaryFunction
    /// The function's first parameter; 0 where it has none.
    public let alpha: Float
    /// The function's second parameter; 0 where it has none.
    public let beta: Float

    /// An activation.
    public init(_ function: UnaryFunction, alpha: Float = 0, beta: Float = 0) {
        self.function = function
        self.alpha = alpha
        self.beta = beta
    }

    /// Leaves elements as they are.
    public static let none = Activation(.identity)
    /// `max(x, 0)`.
    public static let relu = Activation(.relu)

    /// Bounds on both sides: `min(upper, max(lower, x))`.
    public static func clip(_ lower: Float, _ upper: Float) -> Activation {
        Activation(.clip, alpha: lower, beta: upper)
    }
}

/// A function of two elements with ONNX's broadcasting. Raw values are part of the format.
public enum BinaryFunction: Int32, Sendable, CaseIterable {
    case add = 1
    case subtract = 2
    case multiply = 3
    case divide = 4
    case power = 5
    case minimum = 6
    case maximum = 7
    /// `x < 0 ? slope·x : x` where the second input holds the slopes: ONNX's PRelu
    case parametricRelu = 8
}

/// What a reduction computes over its axes. Raw values are part of the format.
public enum ReduceFunction: Int32, Sendable, CaseIterable {
    case sum = 1
    case mean = 2
    case maximum = 3
    case minimum = 4
    case product = 5
    /// `Σ|x|`
    case l1 = 6
    /// `√Σx²`
    case l2 = 7
    case sumSquare = 8
    /// `log Σ exp(x)`, computed without overflow
    case logSumExp = 9
    /// `log Σ x`
    case logSum = 10
}

/// What a padded element is. Raw values are part of the format.
public enum PadMode: Int32, Sendable, CaseIterable {
    /// The operation's `alpha`
    case constant = 0
    /// Mirrored at the edge, the edge itself not repeated
    case reflect = 1
    /// The nearest edge element
    case edge = 2
}

/// What `mapElements` computes of each element beside the ``UnaryFunction``s. Raw values are part of the format, and
/// disjoint from those.
public enum MapFunction: Int32, Sendable, CaseIterable {
    /// 1 for 0, and 0 for everything else
    case not = 128
}

/// What `combineElements` computes of two elements. Raw values are part of the format; those up to 8 are
/// ``BinaryFunction``'s.
public enum PairOperation: Int32, Sendable, CaseIterable {
    case add = 1
    case subtract = 2
    case multiply = 3
    /// For integers towards zero; by zero it gives 0.
    case divide = 4
    case power = 5
    case minimum = 6
    case maximum = 7
    case parametricRelu = 8
    /// The remainder with the sign of the divisor: ONNX's Mod without `fmod`
    case modulo = 9
    /// The remainder with the sign of the dividend: C's `fmod`
    case remainder = 10
    // What gives bool
    case equal = 32
    case greater = 33
    case greaterOrEqual = 34
    case less = 35
    case lessOrEqual = 36
    case and = 37
    case or = 38
    case xor = 39

    /// True when the result is bool whatever the operands are.
    public var isPredicate: Bool { rawValue >= Self.equal.rawValue }
}

/// How a resampled element is made of its neighbours. Raw values are part of the format.
public enum ResampleMode: Int32, Sendable, CaseIterable {
    /// The nearest one, by a ``NearestMode``
    case nearest = 0
    /// Two, or with antialiasing all in reach, by a triangle
    case linear = 1
    /// Four, or with antialiasing all in reach, by Keys' cubic
    case cubic = 2
}

/// Where a resampled element lies: ONNX's `coordinate_transformation_mode`. Raw values are part of the format.
public enum ResampleCoordinates: Int32, Sendable, CaseIterable {
    case halfPixel = 0
    case pytorchHalfPixel = 1
    case halfPixelSymmetric = 2
    case asymmetric = 3
    case alignCorners = 4
    case cropAndResize = 5
    /// `tf_half_pixel_for_nn` of operator set 11
    case halfPixelForNearest = 6
}

/// What the nearest element is: ONNX's `nearest_mode`. Raw values are part of the format.
public enum NearestMode: Int32, Sendable, CaseIterable {
    /// The nearest; the lower of two
    case preferFloor = 0
    /// The nearest; the upper of two
    case preferCeil = 1
    case floor = 2
    case ceil = 3
}
