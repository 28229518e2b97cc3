/// Everything that the built-in trainer can be told; each has a default, a range and a name in `config.json`.
public struct TrainerParameters: Hashable, Sendable {
    /// What is trained.
    public enum Architecture: String, Hashable, Sendable, CaseIterable {
        /// Dense layers with ReLU: `hidden` gives their widths.
        case perceptron
        /// Convolutions with ReLU over time or over the image's plane, a pooling, one dense layer.
        case convolution
    }

    /// What comes between the last convolution and the dense layer.
    public enum Pooling: String, Hashable, Sendable, CaseIterable {
        /// The largest value over all positions: whether a pattern occurs anywhere.
        case maximum
        /// The mean over all positions.
        case mean
        /// Nothing: the dense layer sees every position.
        case none
    }

    public var architecture = Architecture.convolution
    /// Widths of a perceptron's hidden layers, each 1...4096, at most 8 of them.
    public var hidden = [64, 32]
    /// Filters of each convolution, each 1...1024, at most 8 of them.
    public var filters = [24, 32]
    /// Positions that a convolution sees along each axis, 1...31.
    public var kernel = 5
    /// Step of each convolution, 1...8; the last one stands for those not given.
    public var strides = [2, 2]
    public var pooling = Pooling.maximum
    /// Share of values that is left out in training before the last layer (after each hidden layer of a perceptron),
    /// 0..<0.95. (N. Srivastava et al., 2014)
    public var dropout: Float = 0.2
    /// Most passes over the training split, 1...10000.
    public var epochs = 40
    /// Passes without a better validation loss after which training stops, 1...10000.
    public var patience = 12
    /// Frames in a step, 1...4096.
    public var batch = 64
    /// First learning rate, above 0 and at most 1; it falls to 0 along half a cosine.
    public var learningRate: Float = 5e-3
    /// Share of a weight that is taken off per unit of learning rate, 0...1. (I. Loshchilov, F. Hutter, 2019)
    public var weightDecay: Float = 1e-3
    /// Share of the target that is spread over all classes, 0..<1. (C. Szegedy et al., 2016)
    public var labelSmoothing: Float = 0.1
    /// Decay of the moving average of the weights, which is what is kept, 0..<1; 0 keeps the weights themselves.
    public var averaging: Float = 0.99
    /// Whether classes count alike however many frames they have.
    public var classWeights = true
    /// Whether training starts from the champion's weights if its layers are the same.
    public var warmStart = true
    /// Most models that leave groups of devices out, 0...20; 0 trains none, so that nothing is said of new devices.
    public var folds = 7

    public init() {}
}

extension TrainerParameters {
    /// Says what is wrong with a value, for people: name, value, range.
    public func check() throws(TrainingError) {
        try Self.check("hidden", hidden, each: 1...4096)
        try Self.check("filters", filters, each: 1...1024)
        try Self.check("strides", strides, each: 1...8)
        try Self.check("kernel", kernel, in: 1...31)
        try Self.check("epochs", epochs, in: 1...10_000)
        try Self.check("patience", patience, in: 1...10_000)
        try Self.check("batch", batch, in: 1...4096)
        try Self.check("folds", folds, in: 0...TrainingLimits.folds)
        try Self.check("dropout", dropout, in: 0...0.95)
        try Self.check("learningRate", learningRate, in: Float.leastNormalMagnitude...1)
        try Self.check("weightDecay", weightDecay, in: 0...1)
        try Self.check("labelSmoothing", labelSmoothing, in: 0...0.99)
        try Self.check("averaging", averaging, in: 0...0.99999)
    }

    private static func check<Value: Comparable>(
        _ name: String, _ value: Value, in range: ClosedRange<Value>
    ) throws(TrainingError) {
        guard range.contains(value) else {
            throw TrainingError(.badParameter, "\(name) is \(value), not in \(range.lowerBound)...\(range.upperBound)")
        }
    }

    private static func check(_ name: String, _ values: [Int], each range: ClosedRange<Int>) throws(TrainingError) {
        guard (1...8).contains(values.count), values.allSatisfy(range.contains) else {
            throw TrainingError(
                .badParameter,
                "\(name) is \(values): give 1 to 8 numbers in \(range.lowerBound)...\(range.upperBound)")
        }
    }
}
