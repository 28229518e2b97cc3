public import FleetModel
import Sketches

/// Extents of what flows between layers; in memory the channels lie innermost (height, width, channels).
public struct Extent: Hashable, Sendable {
    public var height: Int
    public var width: Int
    public var channels: Int

    public var positions: Int { height * width }
    public var count: Int { height * width * channels }

    /// How the built-in trainer sees a frame: a time series is a line of positions with the sensors as channels, an
    /// image a plane with one channel, a table row one position.
    public init(_ frame: FrameDescription) {
        switch frame.kind {
        case .timeseries: self.init(height: 1, width: frame.steps, channels: frame.width)
        case .image: self.init(height: frame.steps, width: frame.width, channels: 1)
        case .table: self.init(height: 1, width: 1, channels: frame.valueCount)
        }
    }

    public init(height: Int, width: Int, channels: Int) {
        self.height = height
        self.width = width
        self.channels = channels
    }
}

/// A moving window of a convolution: `kernel` positions, zeros around the edge.
struct Window: Hashable, Sendable {
    var kernelHeight: Int
    var kernelWidth: Int
    var strideHeight: Int
    var strideWidth: Int
    var padHeight: Int { kernelHeight / 2 }
    var padWidth: Int { kernelWidth / 2 }

    /// The extent after the window has passed over `input`.
    func output(of input: Extent, channels: Int) -> Extent {
        Extent(
            height: (input.height + 2 * padHeight - kernelHeight) / strideHeight + 1,
            width: (input.width + 2 * padWidth - kernelWidth) / strideWidth + 1, channels: channels)
    }
}

/// One layer with its extents and the place of its parameters in the network's vector.
struct PlannedLayer: Sendable {
    enum Kind: Hashable, Sendable {
        case dense
        case convolution(Window)
        case relu
        case maxOverPositions
        case meanOverPositions
        case dropout(rate: Float)
    }

    var kind: Kind
    var input: Extent
    var output: Extent
    /// Weights [inner, output channels], row-major, then the bias.
    var parameters: Range<Int>

    /// Values that one output value sees.
    var inner: Int {
        switch kind {
        case .dense: input.count
        case .convolution(let window): window.kernelHeight * window.kernelWidth * input.channels
        case .relu, .maxOverPositions, .meanOverPositions, .dropout: 0
        }
    }
    var weightCount: Int { inner * output.channels }
    var biasStart: Int { parameters.lowerBound + weightCount }
}

/// A network's layers, fixed before any number is known.
public struct NetworkPlan: Sendable {
    let input: Extent
    let kind: FrameKind
    let classes: Int
    private(set) var layers: [PlannedLayer] = []
    /// Length of the network's parameter vector.
    public private(set) var parameterCount = 0

    /// Plans the architecture that `parameters` name for frames of this shape.
    ///
    /// - Throws: `badParameter` for an architecture that does not fit the frames, `limitExceeded` for one too large.
    public init(frame: FrameDescription, classes: Int, parameters: TrainerParameters) throws(TrainingError) {
        input = Extent(frame)
        kind = frame.kind
        self.classes = classes
        switch parameters.architecture {
        case .perceptron:
            for units in parameters.hidden { hidden(units, dropout: parameters.dropout) }
        case .convolution:
            guard frame.kind != .table else {
                throw TrainingError(.badParameter, "a table row has no neighbours: use the architecture 'perceptron'")
            }
            convolutions(parameters)
        }
        append(.dense, output: Extent(height: 1, width: 1, channels: classes))
        guard parameterCount <= TrainingLimits.networkParameters else {
            throw TrainingError(
                .limitExceeded,
                "\(parameterCount) parameters are more than \(TrainingLimits.networkParameters): use fewer units")
        }
    }

    private var end: Extent { layers.last?.output ?? input }

    private mutating func hidden(_ units: Int, dropout: Float) {
        append(.dense, output: Extent(height: 1, width: 1, channels: units))
        append(.relu, output: end)
        if dropout > 0 { append(.dropout(rate: dropout), output: end) }
    }

    private mutating func convolutions(_ parameters: TrainerParameters) {
        for (index, filters) in parameters.filters.enumerated() {
            let step = parameters.strides[min(index, parameters.strides.count - 1)]
            let isPlane = kind == .image
            let window = Window(
                kernelHeight: isPlane ? parameters.kernel : 1, kernelWidth: parameters.kernel,
                strideHeight: isPlane ? step : 1, strideWidth: step)
            append(.convolution(window), output: window.output(of: end, channels: filters))
            append(.relu, output: end)
        }
        let pooled = Extent(height: 1, width: 1, channels: end.channels)
        switch parameters.pooling {
        case .maximum: append(.maxOverPositions, output: pooled)
        case .mean: append(.meanOverPositions, output: pooled)
        case .none: break
        }
        if parameters.dropout > 0 { append(.dropout(rate: parameters.dropout), output: end) }
    }

    private mutating func append(_ kind: PlannedLayer.Kind, output: Extent) {
        var layer = PlannedLayer(
            kind: kind, input: end, output: output, parameters: parameterCount..<parameterCount)
        if layer.inner > 0 { parameterCount += layer.weightCount + output.channels }
        layer.parameters = layer.parameters.lowerBound..<parameterCount
        layers.append(layer)
    }

    /// Fresh parameters: uniform in ±1/√inner (the rule of K. He et al., 2015, with gain √(1/3), as PyTorch has it).
    func initialParameters(seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        var values = [Float](repeating: 0, count: parameterCount)
        for layer in layers where layer.inner > 0 {
            let bound = 1 / Float(layer.inner).squareRoot()
            for index in layer.parameters { values[index] = (2 * generator.uniform() - 1) * bound }
        }
        return values
    }
}
