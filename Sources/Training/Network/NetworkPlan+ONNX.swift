import FleetModel
public import ONNXFormat

/// A network as ONNX: input `frame` [N, steps, width] of normalised values, output `probabilities` [N, classes].
extension NetworkPlan {
    /// Name of the graph's input.
    public static let inputName = "frame"
    /// Name of the graph's output.
    public static let outputName = "probabilities"

    /// The graph with these weights (`parameterCount` values). Dropout does nothing outside training and is left out.
    public func model(weights: [Float], steps: Int, width: Int, metadata: [ONNXMetadata] = []) -> ONNXModel {
        var builder = ONNXGraphBuilder(name: "martlet")
        var value = builder.input(Self.inputName, dims: ["N", .value(steps), .value(width)])
        var isFlat = false
        if layers.contains(where: { $0.window != nil }) {
            value =
                kind == .image
                ? builder.reshape(value, to: [0, 1, steps, width]) : builder.transpose(value, [0, 2, 1])
        }
        for layer in layers {
            switch layer.kind {
            case .dense:
                if !isFlat { value = builder.flatten(value) }
                isFlat = true
                value = builder.gemm(
                    value, weights: foreign(layer, weights), rows: layer.output.channels, columns: layer.inner,
                    bias: Array(weights[layer.biasStart..<layer.parameters.upperBound]))
            case .convolution(let window):
                value = builder.conv(
                    value, weights: foreign(layer, weights), weightDims: dims(layer),
                    bias: Array(weights[layer.biasStart..<layer.parameters.upperBound]),
                    strides: axes(window.strideHeight, window.strideWidth),
                    pads: axes(window.padHeight, window.padWidth) + axes(window.padHeight, window.padWidth))
            case .relu: value = builder.relu(value)
            case .maxOverPositions: value = builder.globalMaxPool(value)
            case .meanOverPositions: value = builder.globalAveragePool(value)
            case .dropout: break
            }
        }
        let probabilities = builder.softmax(value)
        builder.output(probabilities, name: Self.outputName, dims: ["N", .value(classes)])
        return builder.model(producer: "martlet", version: BuiltInTrainer.version, metadata: metadata)
    }

    /// The weights of a model with the same layers, to start from; nil if its layers are others.
    public func weights(of model: ONNXModel) -> [Float]? {
        let constants = Dictionary(
            model.graph.initializers.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var nodes = model.graph.nodes.filter { $0.operatorType == "Conv" || $0.operatorType == "Gemm" }[...]
        var values = [Float](repeating: 0, count: parameterCount)
        for layer in layers where layer.inner > 0 {
            guard let node = nodes.popFirst(), node.inputs.count == 3,
                node.operatorType == (layer.window == nil ? "Gemm" : "Conv"),
                let weights = constants[node.inputs[1]], let bias = constants[node.inputs[2]],
                weights.dims == dims(layer), bias.dims == [layer.output.channels],
                let weightValues = try? weights.floats(), let biasValues = try? bias.floats()
            else { return nil }
            for (own, other) in order(layer).enumerated() {
                values[layer.parameters.lowerBound + own] = weightValues[other]
            }
            values.replaceSubrange(layer.biasStart..<layer.parameters.upperBound, with: biasValues)
        }
        return nodes.isEmpty ? values : nil
    }

    // MARK: - Orders

    /// One number per axis of the plane or of the line.
    private func axes(_ height: Int, _ width: Int) -> [Int] { kind == .image ? [height, width] : [width] }

    /// Dimensions of a layer's weights in ONNX.
    private func dims(_ layer: PlannedLayer) -> [Int] {
        guard let window = layer.window else { return [layer.output.channels, layer.inner] }
        return [layer.output.channels, layer.input.channels] + axes(window.kernelHeight, window.kernelWidth)
    }

    /// The weights in ONNX's order: [output channel, input channel, position].
    private func foreign(_ layer: PlannedLayer, _ weights: [Float]) -> [Float] {
        var values = [Float](repeating: 0, count: layer.weightCount)
        for (own, other) in order(layer).enumerated() { values[other] = weights[layer.parameters.lowerBound + own] }
        return values
    }

    /// For each weight in the own order [position, input channel, output channel] its place in ONNX's.
    ///
    /// A dense layer that sees the raw frame has no channels to bring forward: the frame is flattened as it is.
    private func order(_ layer: PlannedLayer) -> [Int] {
        let outputs = layer.output.channels
        let seesFrame = layer.window == nil && !layers.contains { $0.window != nil }
        let channels = seesFrame ? layer.inner : layer.input.channels
        let positions = layer.inner / channels
        var places: [Int] = []
        places.reserveCapacity(layer.weightCount)
        for position in 0..<positions {
            for channel in 0..<channels {
                for output in 0..<outputs {
                    places.append((output * channels + channel) * positions + position)
                }
            }
        }
        return places
    }
}

extension PlannedLayer {
    /// The window of a convolution; nil for every other layer.
    var window: Window? {
        if case .convolution(let window) = kind { return window }
        return nil
    }
}
