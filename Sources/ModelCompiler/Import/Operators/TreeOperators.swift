import ModelImage

/// Ensembles of decision trees.
enum TreeOperators {
    static let rules: [String: OperatorRule] = [
        "TreeEnsemble": OperatorRule(since: 5, ensemble), "TreeEnsembleRegressor": OperatorRule(regressor),
        "TreeEnsembleClassifier": OperatorRule(classifier),
    ]

    private static let aggregates = ["AVERAGE", "SUM", "MIN", "MAX"]

    private static func ensemble(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        guard builder.elementType(x) == .float32 || builder.elementType(x) == .float64 else {
            throw .unsupported("a tree over \(builder.elementType(x))", help: "use floats or doubles")
        }
        let aggregate = try node.int("aggregate_function", default: 1)
        let transform = try node.int("post_transform", default: 0)
        guard aggregates.indices.contains(aggregate), (0...4).contains(transform) else {
            throw .invalid("aggregate_function \(aggregate) or post_transform \(transform)")
        }
        let scores = try scores(
            &builder, x, Forest(ensemble: node), targets: try node.int("n_targets", default: 1), aggregate: aggregate)
        return [try ScoreOperators.transform(&builder, scores.values, Int32(transform))]
    }

    private static func regressor(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let name = try node.text("aggregate_function", default: "SUM")
        guard let aggregate = aggregates.firstIndex(of: name) else { throw .invalid("aggregate_function \(name)") }
        let targets = try node.int("n_targets", default: 1)
        let transform = try ScoreOperators.transform(node)
        let base = try node.reals("base_values")?.values ?? []
        guard base.isEmpty || base.count == targets else {
            throw .invalid("\(base.count) base values for \(targets) targets")
        }
        let scores = try scores(
            &builder, node.input(0), Forest(classic: node, role: "target"), targets: targets, aggregate: aggregate,
            base: base)
        let result = try ScoreOperators.transform(&builder, scores.values, transform)
        return [try builder.cast(result, to: .float32)]
    }

    private static func classifier(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let labels = try ScoreOperators.labels(node, "classlabels_strings", "classlabels_int64s")
        let forest = try Forest(classic: node, role: "class")
        let classes = labels.numbers.count
        let base = try node.reals("base_values")?.values ?? []
        guard classes > 1 else { throw .unsupported("a classifier of one class", help: "replace it by a constant") }
        let weights = forest.leaves.joined()
        let isOneSided = classes == 2 && Set(weights.map(\.target)).count == 1
        try checkBase(base.count, classes: classes, isFirstAlone: isOneSided && weights.first?.target == 0)
        let isPositive = weights.allSatisfy { $0.weight >= 0 }
        let transform = try ScoreOperators.transform(node)
        if isOneSided, transform == ScoreOperators.probit {
            throw .unsupported("PROBIT of one score for two classes", help: "give both classes weights")
        }
        let scores = try scores(
            &builder, node.input(0), forest, targets: classes, aggregate: 1, tellsReached: true)
        var inputs: [ValueID?] = [scores.values, try builder.constant(labels.constant), scores.reached, nil]
        if !base.isEmpty {
            inputs[3] = try builder.constant(
                Constant(reals: base, shape: [base.count], elementType: builder.elementType(scores.values)))
        }
        let rows = builder.shape(scores.values)[0]
        let results = try builder.emit(
            PortableNode(
                opcode: .classifyScores, words: [transform, isOneSided ? 1 : 0, isPositive ? 1 : 0],
                results: [ShapeInference.Result([rows], .int64), ShapeInference.Result([rows, classes], .float32)],
                scratchBytes: 16 * classes),
            inputs)
        builder.graph[results[0]].labels = labels.texts
        builder.graph[results[1]].labels = labels.names
        return results
    }

    /// For two classes ONNX Runtime knows one meaning of base values that agrees with the specification.
    private static func checkBase(_ count: Int, classes: Int, isFirstAlone: Bool) throws(Refusal) {
        if count == 0 || (classes > 2 && count == classes) { return }
        guard classes == 2, count <= 2 else { throw .invalid("\(count) base values for \(classes) classes") }
        guard count == 1, isFirstAlone else {
            throw .unsupported(
                "base_values of two classes", help: "give weights to class 0 alone, and one base value")
        }
    }

    // MARK: - Scores

    /// The weights of the leaves that each row reaches, aggregated for each target; and which targets have got any.
    private static func scores(
        _ builder: inout GraphBuilder, _ input: ValueID, _ forest: Forest, targets: Int, aggregate: Int,
        base: [Double] = [], tellsReached: Bool = false
    ) throws(Refusal) -> (values: ValueID, reached: ValueID?) {
        let isDouble = forest.isDouble || builder.elementType(input) == .float64
        let type: ElementType = isDouble ? .float64 : .float32
        let x = try builder.cast(input, to: type)
        let shape = builder.shape(x)
        guard (1...2).contains(shape.count), let features = shape.last, features > 0 else {
            throw .invalid("x \(shape) does not consist of rows")
        }
        guard (1...ImageLimits.window).contains(targets) else { throw .invalid("\(targets) targets") }
        try forest.check(features: features, targets: targets)
        let layout = ForestLayout(forest, features: features, isDouble: isDouble)
        let tables = ForestTables(forest, layout, targets: targets, type: type)
        var inputs: [ValueID?] = [x]
        for table in [tables.nodes, tables.roots, tables.starts, tables.targets, tables.weights] {
            inputs.append(try table.map { constant throws(Refusal) in try builder.constant(constant) })
        }
        inputs.append(
            base.isEmpty
                ? nil : try builder.constant(Constant(reals: base, shape: [base.count], elementType: type)))
        let rows = shape.count == 1 ? 1 : shape[0]
        var results = [ShapeInference.Result([rows, targets], type)]
        if tellsReached { results.append(ShapeInference.Result([rows, targets], .bool)) }
        let copyBytes = layout.usesNegated ? (2 * features * type.size + 63) / 64 * 64 : 0
        let values = try builder.emit(
            PortableNode(
                opcode: .treeEnsemble,
                words: [Int32(features), Int32(targets), Int32(aggregate), layout.usesNegated ? 1 : 0],
                results: results, scratchBytes: copyBytes + targets),
            inputs)
        return (values[0], tellsReached ? values[1] : nil)
    }
}

/// A forest as constants of the image.
struct ForestTables {
    let nodes: Constant?
    let roots: Constant?
    /// Absent when every leaf has one weight and there is one target.
    private(set) var starts: Constant?
    private(set) var targets: Constant?
    let weights: Constant?

    init(_ forest: Forest, _ layout: ForestLayout, targets: Int, type: ElementType) {
        var words: [Int64] = []
        for node in layout.nodes {
            if type == .float64 {
                let bits = Int64(bitPattern: node.threshold.bitPattern)
                words += [bits, bits >> 32]
            } else {
                words.append(Int64(Float(node.threshold).bitPattern))
            }
            words += [node.feature, node.next, node.leaf].map { Int64($0) }
            // Doubles are aligned to their size.
            if type == .float64 { words.append(0) }
        }
        nodes = Constant(integers: words, shape: [words.count], elementType: .int32)
        let places = layout.roots.flatMap { [Int64($0.node), Int64($0.levels)] }
        roots = Constant(integers: places, shape: [layout.roots.count, 2], elementType: .int32)
        let entries = forest.leaves.flatMap { $0 }
        if targets > 1 || !forest.leaves.allSatisfy({ $0.count == 1 }) {
            var starts: [Int64] = [0]
            for leaf in forest.leaves { starts.append((starts.last ?? 0) + Int64(leaf.count)) }
            self.starts = Constant(integers: starts, shape: [starts.count], elementType: .int32)
            self.targets = Constant(
                integers: entries.map { Int64($0.target) }, shape: [entries.count], elementType: .int32)
        }
        weights = Constant(reals: entries.map(\.weight), shape: [entries.count], elementType: type)
    }
}

extension Constant {
    /// Floats or doubles.
    init(reals: [Double], shape: [Int], elementType: ElementType) {
        if elementType == .float64 {
            self.init(elementType: .float64, shape: shape, bytes: reals.withUnsafeBytes { Array($0) })
        } else {
            self.init(floats: reals.map { Float($0) }, shape: shape)
        }
    }
}
