import ModelImage

/// Linear models and support vector machines.
enum LinearModelOperators {
    static let rules: [String: OperatorRule] = [
        "LinearRegressor": OperatorRule(regressor), "LinearClassifier": OperatorRule(classifier),
        "SVMRegressor": OperatorRule(supportVectorRegressor), "SVMClassifier": OperatorRule(supportVectorClassifier),
    ]

    // MARK: - Linear

    private static func regressor(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let targets = try node.int("targets", default: 1)
        guard (1...ImageLimits.window).contains(targets) else { throw .invalid("\(targets) targets") }
        let coefficients = try node.required(node.floats("coefficients"), "coefficients")
        let scores = try product(
            &builder, rows(&builder, node), coefficients, count: targets, node.floats("intercepts") ?? [])
        return [try ScoreOperators.transform(&builder, scores, ScoreOperators.transform(node))]
    }

    private static func classifier(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let labels = try ScoreOperators.labels(node, "classlabels_strings", "classlabels_ints")
        let transform = try ScoreOperators.transform(node)
        let x = try rows(&builder, node)
        let coefficients = try node.required(node.floats("coefficients"), "coefficients")
        let features = builder.shape(x)[1]
        let scores = try product(
            &builder, x, coefficients, count: coefficients.count / features, node.floats("intercepts") ?? [])
        let columns = builder.shape(scores)[1]
        if columns == 1 { return try oneSided(&builder, scores, labels, transform) }
        guard labels.numbers.count == columns else {
            throw .invalid("\(columns) scores for \(labels.numbers.count) classes")
        }
        return try decide(&builder, scores, labels, transform)
    }

    /// Two classes, of which the second has the score: probabilities `1 − s` and `s`, as ONNX Runtime has them.
    private static func oneSided(
        _ builder: inout GraphBuilder, _ score: ValueID, _ labels: ScoreOperators.Labels, _ transform: Int32
    ) throws(Refusal) -> [ValueID] {
        guard labels.numbers.count == 2, transform == 0 else {
            throw .unsupported(
                "one score with a post_transform, or for \(labels.numbers.count) classes",
                help: "give two classes coefficients each")
        }
        let rows = builder.shape(score)[0]
        let isSecond = try builder.combine(.greater, score, builder.scalar(0))
        let choices = try labels.numbers.map { label throws(Refusal) in
            try builder.constant(Constant(integers: [label], shape: [1, 1]))
        }
        let chosen = try builder.select(isSecond, choices[1], choices[0])
        let other = try builder.combine(.subtract, builder.scalar(1), score)
        let label = try builder.reshape(chosen, to: [rows])
        let pair = try builder.emit(.concat(axis: 1), .none, [other, score])
        builder.graph[label].labels = labels.texts
        builder.graph[pair].labels = labels.names
        return [label, pair]
    }

    /// The class of the largest score, and transformed scores.
    private static func decide(
        _ builder: inout GraphBuilder, _ scores: ValueID, _ labels: ScoreOperators.Labels, _ transform: Int32
    ) throws(Refusal) -> [ValueID] {
        let shape = builder.shape(scores)
        let results = try builder.emit(
            PortableNode(
                opcode: .classifyScores, words: [transform, 2, 0],
                results: [ShapeInference.Result([shape[0]], .int64), ShapeInference.Result(shape, .float32)],
                scratchBytes: 16 * shape[1]),
            [scores, builder.constant(labels.constant), nil, nil])
        builder.graph[results[0]].labels = labels.texts
        builder.graph[results[1]].labels = labels.names
        return results
    }

    // MARK: - Support vectors

    private static let kernels = ["LINEAR", "POLY", "RBF", "SIGMOID"]

    private static func supportVectorRegressor(
        _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> [ValueID] {
        guard try ScoreOperators.transform(node) == 0 else {
            throw .unsupported("a post_transform of an SVMRegressor", help: "append the function as a node")
        }
        let x = try rows(&builder, node)
        let coefficients = try node.required(node.floats("coefficients"), "coefficients")
        let rho = try node.floats("rho") ?? []
        guard rho.count == 1 else { throw .invalid("rho has \(rho.count) entries, not 1") }
        let count = try node.int("n_supports", default: 0)
        let kernel = count > 0 ? try matrix(&builder, x, node, count: count) : x
        let scores = try product(&builder, kernel, coefficients, count: 1, rho)
        guard try node.flag("one_class") else { return [scores] }
        let isInside = try builder.combine(.greater, scores, builder.scalar(0))
        return [try builder.select(isInside, builder.scalar(1), builder.scalar(-1))]
    }

    private static func supportVectorClassifier(
        _ builder: inout GraphBuilder, _ node: ImportedNode
    ) throws(Refusal) -> [ValueID] {
        let labels = try ScoreOperators.labels(node, "classlabels_strings", "classlabels_ints")
        let transform = try ScoreOperators.transform(node)
        let counts = try node.ints("vectors_per_class") ?? []
        let classes = labels.numbers.count
        guard counts.count == classes, classes > 1, counts.allSatisfy({ (0...ImageLimits.elements).contains($0) }),
            counts.reduce(0, +) > 0
        else { throw .unsupported("an SVMClassifier without support vectors", help: "use a LinearClassifier") }
        let x = try rows(&builder, node)
        let vectors = counts.reduce(0, +)
        let pairs = classes * (classes - 1) / 2
        let probabilities = [try node.floats("prob_a") ?? [], try node.floats("prob_b") ?? []]
        let coefficients = try node.required(node.floats("coefficients"), "coefficients")
        let rho = try node.required(node.floats("rho"), "rho")
        guard coefficients.count == (classes - 1) * vectors, rho.count == pairs,
            probabilities.allSatisfy({ $0.count == probabilities[0].count && ($0.isEmpty || $0.count == pairs) })
        else { throw .invalid("coefficients, rho, prob_a and prob_b do not fit \(classes) classes") }
        let hasProbabilities = !probabilities[0].isEmpty
        if classes == 2, !hasProbabilities, transform == ScoreOperators.probit {
            throw .unsupported("PROBIT of one score for two classes", help: "append the function as a node")
        }
        var inputs: [ValueID?] = [try matrix(&builder, x, node, count: vectors)]
        inputs.append(try builder.constant(Constant(floats: coefficients, shape: [classes - 1, vectors])))
        inputs.append(try builder.constant(Constant(floats: rho, shape: [pairs])))
        inputs.append(
            try builder.constant(
                Constant(integers: counts.map { Int64($0) }, shape: [classes], elementType: .int32)))
        inputs.append(try builder.constant(labels.constant))
        for values in probabilities {
            inputs.append(hasProbabilities ? try builder.constant(Constant(floats: values, shape: [pairs])) : nil)
        }
        let rows = builder.shape(x)[0]
        let width = hasProbabilities || classes == 2 ? classes : pairs
        let results = try builder.emit(
            PortableNode(
                opcode: .supportVectorClassifier, words: [transform],
                results: [ShapeInference.Result([rows], .int64), ShapeInference.Result([rows, width], .float32)],
                scratchBytes: 8 * (pairs + 2 * classes * classes + 3 * classes)),
            inputs)
        builder.graph[results[0]].labels = labels.texts
        if width == classes { builder.graph[results[1]].labels = labels.names }
        return results
    }

    /// The kernel of each row with each support vector.
    private static func matrix(
        _ builder: inout GraphBuilder, _ x: ValueID, _ node: ImportedNode, count: Int
    ) throws(Refusal) -> ValueID {
        let shape = builder.shape(x)
        let vectors = try node.required(node.floats("support_vectors"), "support_vectors")
        let name = try node.text("kernel_type", default: "LINEAR")
        guard let kernel = kernels.firstIndex(of: name) else { throw .invalid("kernel_type is \"\(name)\"") }
        guard vectors.count == count * shape[1] else {
            throw .invalid("\(vectors.count) numbers are not \(count) support vectors of \(shape[1]) features")
        }
        let parameters = try node.floats("kernel_params") ?? []
        let words =
            [Int32(kernel)]
            + (0..<3).map { index in
                Int32(bitPattern: (index < parameters.count ? parameters[index] : 0).bitPattern)
            }
        let table = try builder.constant(Constant(floats: vectors, shape: [count, shape[1]]))
        return try builder.emit(.kernelMatrix, words: words, [x, table], to: [shape[0], count], .float32)
    }

    // MARK: - Shared

    /// The first input as rows of floats.
    private static func rows(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> ValueID {
        let x = try builder.cast(node.input(0), to: .float32)
        let shape = builder.shape(x)
        guard (1...2).contains(shape.count), (shape.last ?? 0) > 0 else {
            throw .invalid("x \(shape) does not consist of rows")
        }
        return shape.count == 1 ? try builder.reshape(x, to: [1, shape[0]]) : x
    }

    /// `x · coefficientsᵀ + intercepts` with `count` rows of coefficients.
    private static func product(
        _ builder: inout GraphBuilder, _ x: ValueID, _ coefficients: [Float], count: Int, _ intercepts: [Float]
    ) throws(Refusal) -> ValueID {
        let features = builder.shape(x)[1]
        guard count > 0, coefficients.count == count * features, intercepts.isEmpty || intercepts.count == count else {
            throw .invalid(
                "\(coefficients.count) coefficients and \(intercepts.count) intercepts for \(features) features")
        }
        let table = try builder.constant(
            Constant(floats: coefficients, shape: [count, features]).transposed([1, 0]))
        let bias = try builder.constant(
            Constant(floats: intercepts.isEmpty ? [Float](repeating: 0, count: count) : intercepts, shape: [count]))
        return try builder.emit(.dense, .none, [x, table, bias])
    }
}
