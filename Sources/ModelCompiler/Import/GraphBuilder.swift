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

    /// A matrix with its axes exchanged. It takes the place of the other one, so the folding budget stays as it is.
    mutating func transposed(_ matrix: ValueID, _ constant: Constant) -> ValueID {
        let result = graph.addConstant(constant.transposed([1, 0]), name: source)
        graph[result].origin = graph[matrix].origin?.transposed([1, 0])
        return result
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
        let ids = try append(operation, activation, inputs, [result])
        if case .transpose(let permutation) = operation, case let source?? = inputs.first, graph[ids[0]].constant != nil
        {
            graph[ids[0]].origin = graph[source].origin?.transposed(permutation)
        }
        return ids[0]
    }

    /// Appends a portable operator, or computes it when all operands are known.
    mutating func emit(_ node: PortableNode, _ inputs: [ValueID?]) throws(Refusal) -> [ValueID] {
        for result in node.results where !Extents.isModest(result.shape) {
            throw .unsupported(
                "a result of shape \(result.shape) exceeds ImageLimits.elements", help: "use smaller tensors")
        }
        return try append(.portable(node), .none, inputs, node.results)
    }

    /// Appends a portable operator of one result.
    mutating func emit(
        _ opcode: Opcode, words: [Int32] = [], _ inputs: [ValueID?], to shape: [Int], _ type: ElementType,
        scratch: Int = 0, mayRunInPlace: Bool = false
    ) throws(Refusal) -> ValueID {
        let node = PortableNode(
            opcode: opcode, words: words, results: [ShapeInference.Result(shape, type)], scratchBytes: scratch,
            mayRunInPlace: mayRunInPlace)
        return try emit(node, inputs)[0]
    }

    /// The results of an operation: constants when nothing is left to compute, else values that a new node gives.
    private mutating func append(
        _ operation: GraphOperation, _ activation: Activation, _ inputs: [ValueID?],
        _ results: [ShapeInference.Result]
    ) throws(Refusal) -> [ValueID] {
        if results.allSatisfy({ $0.shape.contains(0) }) {
            return try results.map { result throws(Refusal) in
                try constant(Constant(elementType: result.elementType, shape: result.shape, bytes: []))
            }
        }
        try checkRunnable(operation, inputs, results)
        let outputs = results.map { result in
            graph.addValue(
                GraphValue(name: source, elementType: result.elementType, shape: result.shape, constant: nil))
        }
        let node = GraphNode(
            operation: operation, activation: activation, inputs: inputs, outputs: outputs, name: source)
        guard inputs.allSatisfy({ $0.map { graph[$0].constant != nil } ?? true }) else {
            graph.nodes.append(node)
            return outputs
        }
        let bytes = results.map { $0.shape.reduce(1, *) * $0.elementType.size }.reduce(0, +)
        guard bytes <= foldingBudget else {
            graph.nodes.append(node)
            return outputs
        }
        let folded: [Constant]
        do throws(CompileError) {
            folded = try ConstantFolding.results(of: node, in: graph)
        } catch {
            throw .unsupported("its constant operands cannot be computed with: \(error)", help: "check them")
        }
        return try folded.map { value throws(Refusal) in try constant(value) }
    }

    /// Appends a function of one element: the vector kernel for float32, the portable operator for other types.
    mutating func emit(_ activation: Activation, _ input: ValueID) throws(Refusal) -> ValueID {
        let type = elementType(input)
        if type == .float32 { return try emit(.unary, activation, [input]) }
        switch activation.function {
        case .identity, .abs, .negate, .sign, .relu: try requireNumbers(input)
        default: try requireFloating(input)
        }
        let words = [
            Int32(activation.function.rawValue), Int32(bitPattern: activation.alpha.bitPattern),
            Int32(bitPattern: activation.beta.bitPattern),
        ]
        return try emit(.mapElements, words: words, [input], to: shape(input), type, mayRunInPlace: true)
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
        _ operation: GraphOperation, _ inputs: [ValueID?], _ results: [ShapeInference.Result]
    ) throws(Refusal) {
        let known = inputs.compactMap { $0 }
        for shape in results.map(\.shape) + known.map(graph.shape) where Shape(shape) == nil {
            throw .unsupported(
                "a tensor of shape \(shape) exceeds ImageLimits",
                help: "use tensors of rank \(ImageLimits.rank) or less")
        }
        for input in known where graph[input].extent != nil {
            throw .unsupported(
                "the extent of its operand \(graph[input].name) is known only after the run",
                help: "take that result as an output of the model")
        }
        switch operation {
        case .reshape, .transpose, .concat, .slice, .portable, .quantized: return
        default: break
        }
        for input in known where graph[input].elementType != .float32 {
            throw .unsupported("it does not compute with \(graph[input].elementType)", help: "use float32")
        }
    }
}
