import ModelImage

/// Appends operations to a graph while a model is imported.
///
/// What can be computed at once is: an operation on constants becomes a constant, so that shapes which a model
/// computes for itself are known when they are needed.
struct GraphBuilder {
    var graph = Graph()
    /// The ONNX node that is being imported, for the names of what it becomes.
    var source = ""
    /// Bytes that folding may still create.
    private(set) var foldingBudget: Int

    init(foldingBudget: Int) {
        self.foldingBudget = foldingBudget
    }

    func shape(_ id: ValueID) -> [Int] { graph.shape(id) }

    func elementType(_ id: ValueID) -> ElementType { graph[id].elementType }

    func constant(_ id: ValueID?) -> Constant? { graph.constant(id) }

    /// Adds a constant; counts against the folding budget.
    mutating func constant(_ constant: Constant) throws(Refusal) -> ValueID {
        let bytes = constant.count * constant.elementType.size
        try reserve(bytes)
        foldingBudget -= bytes
        return graph.addConstant(constant, name: source)
    }

    /// Refuses a constant of `bytes` bytes before it is made.
    func reserve(_ bytes: Int) throws(Refusal) {
        guard bytes <= foldingBudget else {
            throw .unsupported(
                "constant folding would exceed CompileOptions.maximumFoldedBytes", help: "raise the limit")
        }
    }

    /// Appends an operation, or computes it when all operands are known.
    mutating func emit(
        _ operation: GraphOperation, _ activation: Activation = .none, _ inputs: [ValueID?]
    ) throws(Refusal) -> ValueID {
        let result: ShapeInference.Result
        do throws(ShapeError) {
            result = try ShapeInference.result(of: operation, inputs: inputs, in: graph)
        } catch {
            throw .invalid(error.reason)
        }
        guard Extents.isModest(result.shape) else {
            throw .unsupported(
                "a result of shape \(result.shape) exceeds ImageLimits.elements", help: "use smaller tensors")
        }
        if let folded = ConstantFolding.fold(
            operation, activation, inputs, to: result, in: graph, budget: foldingBudget)
        {
            let value = try constant(folded)
            if case .transpose(let permutation) = operation, case let source?? = inputs.first {
                graph[value].origin = graph[source].origin?.transposed(permutation)
            }
            return value
        }
        try checkRunnable(operation, inputs, result)
        let output = graph.addValue(
            GraphValue(name: source, elementType: result.elementType, shape: result.shape, constant: nil))
        graph.nodes.append(
            GraphNode(operation: operation, activation: activation, inputs: inputs, output: output, name: source))
        return output
    }

    /// Appends a function of one element.
    mutating func emit(_ activation: Activation, _ input: ValueID) throws(Refusal) -> ValueID {
        try emit(.unary, activation, [input])
    }

    /// A value under another shape; the value itself when it has that shape.
    mutating func reshape(_ input: ValueID, to shape: [Int]) throws(Refusal) -> ValueID {
        shape == graph.shape(input) ? input : try emit(.reshape(shape), .none, [input])
    }

    /// A constant with one element, for arithmetic with a float value.
    mutating func scalar(_ value: Float) throws(Refusal) -> ValueID {
        try constant(Constant(floats: [value], shape: []))
    }

    /// Refuses what no kernel of the runtime takes.
    private func checkRunnable(
        _ operation: GraphOperation, _ inputs: [ValueID?], _ result: ShapeInference.Result
    ) throws(Refusal) {
        for shape in [result.shape] + inputs.compactMap({ $0.map(graph.shape) }) where Shape(shape) == nil {
            throw .unsupported(
                "a tensor of shape \(shape) is empty or exceeds ImageLimits",
                help: "use tensors of rank \(ImageLimits.rank) or less without empty axes")
        }
        switch operation {
        case .reshape, .transpose, .concat, .slice, .quantized: return
        default: break
        }
        for case let input? in inputs where graph[input].elementType != .float32 {
            throw .unsupported(
                "it computes with \(graph[input].elementType) at run time", help: "use float32, or constants")
        }
    }
}
