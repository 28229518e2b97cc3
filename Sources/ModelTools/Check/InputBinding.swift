import ONNXFormat

/// Which inputs of a case may become constants: integers that are a shape, an axis, a size or a count.
///
/// The runtime plans every shape before it runs, so what decides a shape must be known to the compiler. Nothing else is
/// ever bound: not data, not scales, not thresholds, and no floating-point or bool input at all.
enum InputBinding {
    /// For each operator the inputs that are a shape, an axis, a size or a count.
    static let shapeInputs: [String: Set<Int>] = [
        "ConstantOfShape": [0], "Expand": [1], "Reshape": [1], "Tile": [1, 2], "Slice": [1, 2, 3, 4], "Pad": [1, 3],
        "Squeeze": [1], "Unsqueeze": [1], "Split": [1], "TopK": [1], "Range": [0, 1, 2], "Resize": [3],
        "ReduceL1": [1], "ReduceL2": [1], "ReduceLogSum": [1], "ReduceLogSumExp": [1], "ReduceMax": [1],
        "ReduceMean": [1], "ReduceMin": [1], "ReduceProd": [1], "ReduceSum": [1], "ReduceSumSquare": [1],
        "DFT": [1, 2], "STFT": [1, 3], "MelWeightMatrix": [0, 1, 2], "NonMaxSuppression": [2], "OneHot": [1],
    ]

    /// Operators that hand on the integers of a shape: a case may compute a shape from the input that it feeds.
    private static let carriers: Set<String> = [
        "Add", "Cast", "Concat", "Div", "Gather", "Identity", "Max", "Min", "Mul", "Neg", "Reshape", "Slice", "Squeeze",
        "Sub", "Unsqueeze",
    ]

    private static let integerTypes: Set<ONNXElementType> = [
        .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64,
    ]

    /// The names of the inputs of `graph` that may be bound, in the graph's order.
    static func bindable(_ graph: ONNXGraph) -> [String] {
        var shapes: Set<String> = []
        for node in graph.nodes.reversed() where node.domain.isEmpty || node.domain == "ai.onnx" {
            let places = shapeInputs[node.operatorType] ?? []
            let carries = carriers.contains(node.operatorType) && node.outputs.contains(where: shapes.contains)
            for (index, name) in node.inputs.enumerated() where carries || places.contains(index) {
                shapes.insert(name)
            }
        }
        let constants = Set(graph.initializers.map(\.name))
        return graph.inputs.filter { input in
            guard case .tensor(let type, _) = input.type else { return false }
            return integerTypes.contains(type) && shapes.contains(input.name) && !constants.contains(input.name)
        }.map(\.name)
    }

    /// The model for one data set: the bindable inputs as constants, and the other inputs with the extents that the data
    /// set has.
    ///
    /// - Returns: The model, the inputs that it still has, the names of those that were bound, and the dimensions of
    ///   inputs that are empty, which a model cannot tell from open ones.
    static func bind(
        _ model: ONNXModel, to tensors: [ONNXTensor]
    ) throws(ModelToolsError) -> (
        model: ONNXModel, inputs: [ONNXTensor], bound: [String], emptyDimensions: [String: Int]
    ) {
        var result = model
        let constants = Set(model.graph.initializers.map(\.name))
        let fed = model.graph.inputs.filter { !constants.contains($0.name) }
        guard fed.count == tensors.count else {
            throw ModelToolsError(
                .tensor, "the model has \(fed.count) inputs, the data set gives \(tensors.count)")
        }
        let bindable = Set(bindable(model.graph))
        result.graph.inputs = model.graph.inputs.filter { constants.contains($0.name) }
        var inputs: [ONNXTensor] = []
        var bound: [String] = []
        var empty: [String: Int] = [:]
        for (info, tensor) in zip(fed, tensors) {
            var tensor = tensor
            tensor.name = info.name
            if bindable.contains(info.name) {
                result.graph.initializers.append(tensor)
                bound.append(info.name)
                continue
            }
            inputs.append(tensor)
            for (axis, extent) in tensor.dims.enumerated() where extent == 0 { empty["\(info.name).\(axis)"] = 0 }
            guard case .tensor(let type, _) = info.type else {
                throw ModelToolsError(.elementType, "input \"\(info.name)\" is no tensor")
            }
            result.graph.inputs.append(
                ONNXValueInfo(name: info.name, elementType: type, dims: tensor.dims.map { .value($0) }))
        }
        return (result, inputs, bound, empty)
    }
}
