import ModelImage
import ONNXFormat

/// Turns an ONNX model into a graph of the compiler's operations with known shapes.
///
/// Every node that cannot be imported is remembered, not only the first: what depends on it is left out, and the import
/// goes on. Nothing else of the compiler sees ONNX.
struct Importer {
    private let model: ONNXModel
    private var builder: GraphBuilder
    private var binding: DimensionBinding
    /// What the names of the model stand for; `nil` for results of nodes that could not be imported.
    private var scope: [String: ValueID?] = [:]
    private var unsupported: [UnsupportedNode] = []
    /// The shapes that the model declares for its values, where all extents are numbers.
    private let shapes: [String: [Int]]

    /// The graph of `model`.
    ///
    /// - Throws: ``CompileError``; ``CompileError/unsupported(_:)`` lists all nodes that the runtime cannot run.
    static func graph(of model: ONNXModel, options: CompileOptions) throws(CompileError) -> Graph {
        var importer = try Importer(model, options)
        return try importer.run()
    }

    private init(_ model: ONNXModel, _ options: CompileOptions) throws(CompileError) {
        self.model = model
        builder = GraphBuilder(foldingBudget: options.maximumFoldedBytes)
        binding = try DimensionBinding(options)
        shapes = (model.graph.valueInfo + model.graph.outputs).reduce(into: [:]) { shapes, value in
            guard case .tensor(_, let declared?) = value.type else { return }
            let extents = declared.compactMap { if case .value(let extent) = $0 { extent } else { nil } }
            if extents.count == declared.count { shapes[value.name] = extents }
        }
    }

    private mutating func run() throws(CompileError) -> Graph {
        // A model of trees alone need not import the standard operators.
        let standard = Int(model.operatorSetVersion() ?? 0)
        let isClassic =
            model.operatorSetVersion() == nil && model.graph.nodes.allSatisfy { !["", "ai.onnx"].contains($0.domain) }
        guard isClassic || ModelCompiler.operatorSets.contains(standard) else {
            throw .operatorSet(version: standard)
        }
        guard model.graph.nodes.count <= ModelCompiler.maximumNodes,
            max(model.graph.inputs.count - model.graph.initializers.count, model.graph.outputs.count)
                <= ImageLimits.ports
        else {
            throw .limitExceeded(
                "more than \(ModelCompiler.maximumNodes) nodes, or \(ImageLimits.ports) inputs or outputs")
        }
        try importInitializers(of: model.graph)
        try importInputs()
        for node in model.graph.nodes { try importNode(node) }
        guard unsupported.isEmpty else { throw .unsupported(unsupported) }
        try importOutputs()
        return builder.graph
    }

    // MARK: - Values

    private mutating func define(_ name: String, _ value: ValueID?) throws(CompileError) {
        guard scope.updateValue(value, forKey: name) == nil else {
            throw .invalidModel("the value \"\(name)\" is given twice")
        }
    }

    private mutating func importInitializers(of graph: ONNXGraph) throws(CompileError) {
        guard graph.sparseInitializers.isEmpty else {
            throw .invalidModel("sparse initializers are not supported; write the model with dense ones")
        }
        for tensor in graph.initializers {
            var value: ValueID?
            do throws(Refusal) {
                value = try constant(tensor)
            } catch {
                switch error {
                case .unsupported(let reason, let help):
                    unsupported.append(
                        UnsupportedNode(
                            name: tensor.name, operatorType: "initializer", version: 0, reason: reason, help: help))
                case .invalid(let reason): throw .invalidModel("initializer \"\(tensor.name)\": \(reason)")
                }
            }
            try define(tensor.name, value)
        }
    }

    /// Texts become the numbers of their places in a list of names.
    private mutating func constant(_ tensor: ONNXTensor) throws(Refusal) -> ValueID {
        guard case .strings(let bytes) = tensor.content else {
            return builder.graph.addConstant(try Constant(tensor), name: tensor.name)
        }
        let texts = TextTable(bytes.map { String(decoding: $0, as: UTF8.self) })
        let value = builder.graph.addConstant(
            Constant(integers: texts.numbers, shape: tensor.dims), name: tensor.name)
        builder.graph[value].labels = texts.names
        return value
    }

    /// Inputs that an initializer gives a default (IR version 3) are constants, not inputs.
    private mutating func importInputs() throws(CompileError) {
        for input in model.graph.inputs where scope[input.name] == nil {
            let shape = try binding.shape(of: input)
            guard case .tensor(let type, _) = input.type,
                let elementType = UInt8(exactly: type.rawValue).flatMap(ElementType.init(rawValue:)),
                Shape(shape) != nil
            else {
                throw .invalidModel("input \"\(input.name)\" has a type or shape \(shape) that no image can hold")
            }
            let id = builder.graph.addValue(
                GraphValue(name: input.name, elementType: elementType, shape: shape, constant: nil))
            builder.graph.inputs.append(id)
            try define(input.name, id)
        }
        try binding.checkAllUsed()
    }

    private mutating func importOutputs() throws(CompileError) {
        for output in model.graph.outputs {
            guard case let id?? = scope[output.name] else {
                throw .invalidModel("the output \"\(output.name)\" is given by no node")
            }
            guard Shape(builder.shape(id)) != nil else {
                throw .invalidModel("the output \"\(output.name)\" has a shape that no image can hold")
            }
            builder.graph.outputs.append(Graph.Output(name: output.name, value: id))
        }
        guard !builder.graph.outputs.isEmpty else { throw .invalidModel("it has no outputs") }
    }

    // MARK: - Nodes

    private mutating func importNode(_ node: ONNXNode) throws(CompileError) {
        let version = Int(model.operatorSetVersion(domain: node.domain) ?? 0)
        var inputs: [ValueID?] = []
        var isReachable = true
        for name in node.inputs {
            guard !name.isEmpty else {
                inputs.append(nil)
                continue
            }
            guard let value = scope[name] else {
                throw .invalidModel("node \"\(node.name)\" (\(node.operatorType)) reads \"\(name)\" before it is given")
            }
            inputs.append(value)
            isReachable = isReachable && value != nil
        }
        var imported = ImportedNode(node, version: version, inputs: inputs, shapes: shapes)
        if isReachable, node.operatorType == "If", node.domain.isEmpty || node.domain == "ai.onnx" {
            isReachable = try importBranches(of: &imported)
        }
        let outputs = try lower(imported, isReachable: isReachable)
        for (index, name) in node.outputs.enumerated() where !name.isEmpty {
            try define(name, index < outputs.count ? outputs[index] : nil)
        }
    }

    /// Imports the branches of an `If` that the condition leaves open in place; false when a result cannot be imported.
    private mutating func importBranches(of imported: inout ImportedNode) throws(CompileError) -> Bool {
        let known = builder.constant(imported.optional(0))?.integers?.first.map { $0 != 0 }
        for name in ["then_branch", "else_branch"] where known == nil || known == (name == "then_branch") {
            guard case .graph(let branch) = imported.node.attribute(name), branch.inputs.isEmpty else {
                throw .invalidModel("node \"\(imported.name)\" (If) has no \(name) without inputs")
            }
            // What a branch defines is known only inside.
            let outer = scope
            defer { scope = outer }
            try importInitializers(of: branch)
            for node in branch.nodes { try importNode(node) }
            var results: [ValueID] = []
            for output in branch.outputs {
                guard let value = scope[output.name] else {
                    throw .invalidModel("the output \"\(output.name)\" of a branch is given by no node")
                }
                guard let value else { return false }
                results.append(value)
            }
            imported.branches.append(results)
        }
        return true
    }

    /// The values of a node's outputs; none when it, or something before it, cannot be imported.
    private mutating func lower(_ imported: ImportedNode, isReachable: Bool) throws(CompileError) -> [ValueID] {
        let node = imported.node
        guard let rule = OperatorTable.rule(node.operatorType, domain: node.domain, version: imported.version)
        else {
            refuse(imported, "the compiler does not know this operator", OperatorTable.help(node))
            return []
        }
        guard isReachable else { return [] }
        builder.source = imported.name
        do throws(Refusal) {
            return try rule.lower(&builder, imported)
        } catch {
            switch error {
            case .unsupported(let reason, let help): refuse(imported, reason, help)
            case .invalid(let reason):
                throw .invalidModel("node \"\(imported.name)\" (\(node.operatorType)): \(reason)")
            }
            return []
        }
    }

    private mutating func refuse(_ imported: ImportedNode, _ reason: String, _ help: String) {
        let domain = imported.node.domain
        let prefix = domain.isEmpty || domain == "ai.onnx" ? "" : domain + "."
        unsupported.append(
            UnsupportedNode(
                name: imported.name, operatorType: prefix + imported.node.operatorType, version: imported.version,
                reason: reason, help: help))
    }
}
