public import ONNXFormat

extension ReplayVersion {
    /// The version's model with its normalisation inside: it takes frames as they are stored, like a pushed model.
    ///
    /// `Sub` and `Div` go in front of the graph, over its last axis; the input keeps its name. A version without
    /// normalisation gives its model unchanged.
    ///
    /// - Throws: ``ModelToolsError`` when the file is damaged, older than the operators' broadcasting (set 7), or has not
    ///   one float input whose last axis is the channels.
    public func selfContained() throws(ModelToolsError) -> ONNXModel {
        var model = try ModelFile.onnx(onnx, path: name)
        guard !offset.isEmpty else { return model }
        let weights = Set(model.graph.initializers.map(\.name))
        let inputs = model.graph.inputs.filter { !weights.contains($0.name) }
        guard let version = model.operatorSetVersion(), version >= 7, inputs.count == 1,
            case .tensor(.float, let shape?)? = inputs[0].type, offset.count == scale.count,
            isImage || shape.last == .value(offset.count)
        else {
            throw ModelToolsError(
                .option,
                "the normalisation of \(name) does not fit into its graph (it needs operator set 7 and one float input whose "
                    + "last axis is the \(offset.count) channels): fetch the stored file and normalise the data instead"
            )
        }
        let input = inputs[0].name
        let (centred, normalised) = ("normalisation/centred", "normalisation/result")
        for index in model.graph.nodes.indices {
            model.graph.nodes[index].inputs = model.graph.nodes[index].inputs.map { $0 == input ? normalised : $0 }
        }
        let dims = isImage ? [] : [offset.count]
        model.graph.initializers += [
            ONNXTensor(name: "normalisation/offset", dims: dims, floats: isImage ? Array(offset.prefix(1)) : offset),
            ONNXTensor(name: "normalisation/scale", dims: dims, floats: isImage ? Array(scale.prefix(1)) : scale),
        ]
        model.graph.nodes.insert(
            contentsOf: [
                ONNXNode("Sub", inputs: [input, "normalisation/offset"], outputs: [centred]),
                ONNXNode("Div", inputs: [centred, "normalisation/scale"], outputs: [normalised]),
            ], at: 0)
        return model
    }
}
