import ModelImage

/// Preparations of features, and names of classes.
enum FeatureOperators {
    static let rules: [String: OperatorRule] = [
        "Scaler": OperatorRule(scaler), "Normalizer": OperatorRule(normalizer), "Imputer": OperatorRule(imputer),
        "OneHotEncoder": OperatorRule(oneHot), "LabelEncoder": OperatorRule(labelEncoder),
        "Binarizer": OperatorRule(binarizer), "ArrayFeatureExtractor": OperatorRule(pick),
        "ZipMap": OperatorRule(zipMap),
    ]

    /// `(x − offset) · scale`, with one number for all or one for each feature.
    private static func scaler(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try builder.cast(node.input(0), to: .float32)
        let features = builder.shape(x).last ?? 1
        var result = x
        for (name, operation) in [("offset", PairOperation.subtract), ("scale", .multiply)] {
            let values = try node.required(node.floats(name), name)
            guard values.count == 1 || values.count == features else {
                throw .invalid("\(name) has \(values.count) entries for \(features) features")
            }
            result = try builder.combine(
                operation, result, builder.constant(Constant(floats: values, shape: [values.count])))
        }
        return [result]
    }

    private static func normalizer(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let name = try node.text("norm", default: "MAX")
        guard let norm = ["MAX", "L1", "L2"].firstIndex(of: name) else { throw .invalid("norm is \"\(name)\"") }
        let x = try builder.cast(node.input(0), to: .float32)
        let shape = builder.shape(x)
        guard (1...2).contains(shape.count), let columns = shape.last, columns > 0 else {
            throw .invalid("x \(shape) does not consist of rows")
        }
        return [
            try builder.emit(
                .normalizeRows, words: [Int32(norm), Int32(columns)], [x], to: shape, .float32, mayRunInPlace: false)
        ]
    }

    /// Replaces one value, which may be NaN, by another or by one for each feature.
    private static func imputer(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let type = builder.elementType(x)
        let features = builder.shape(x).last ?? 1
        let imputed: Constant
        let isReplaced: ValueID
        switch type {
        case .float32, .float64:
            let values = try node.required(node.floats("imputed_value_floats"), "imputed_value_floats")
            imputed = Constant(reals: values.map { Double($0) }, shape: [values.count], elementType: type)
            let replaced = Double(try node.float("replaced_value_float", default: 0))
            isReplaced =
                replaced.isNaN
                ? try builder.not(builder.combine(.equal, x, x))
                : try builder.combine(.equal, x, builder.scalar(replaced, type))
        case .int64:
            let values = try node.required(node.ints("imputed_value_int64s"), "imputed_value_int64s")
            imputed = Constant(integers: values.map { Int64($0) }, shape: [values.count])
            let replaced = Int64(try node.int("replaced_value_int64", default: 0))
            isReplaced = try builder.combine(
                .equal, x, builder.constant(Constant(integers: [replaced], shape: [])))
        default: throw .unsupported("an Imputer of \(type)", help: "use floats or 64-bit integers")
        }
        guard imputed.count == 1 || imputed.count == features else {
            throw .invalid("\(imputed.count) imputed values for \(features) features")
        }
        return [try builder.select(isReplaced, builder.constant(imputed), x)]
    }

    /// A new last axis: 1 where the category is, all 0 for a value that is no category.
    private static func oneHot(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        var categories = try node.ints("cats_int64s")?.map { Int64($0) } ?? []
        let input = try node.input(0)
        if let texts = try node.strings("cats_strings"), !texts.isEmpty {
            categories = try numbers(of: texts, builder, input)
        }
        guard !categories.isEmpty else { throw .invalid("it has no categories") }
        let x = try builder.cast(input, to: .int64)
        let column = try builder.reshape(x, to: builder.shape(x) + [1])
        let table = try builder.constant(Constant(integers: categories, shape: [categories.count]))
        return [try builder.cast(builder.combine(.equal, column, table), to: .float32)]
    }

    private static func binarizer(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let type = builder.elementType(x)
        let threshold = Double(try node.float("threshold", default: 0))
        let isAbove: ValueID
        if type.isFloating {
            isAbove = try builder.combine(.greater, x, builder.scalar(threshold, type))
        } else {
            let wide = try builder.cast(x, to: .float64)
            isAbove = try builder.combine(.greater, wide, builder.scalar(threshold, .float64))
        }
        return [try builder.cast(isAbove, to: type)]
    }

    /// Elements of the last axis, by numbers that may be computed.
    private static func pick(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let indices = try builder.cast(node.input(1), to: .int64)
        let shape = builder.shape(x)
        let count = builder.shape(indices).reduce(1, *)
        guard let columns = shape.last, columns > 0, count > 0 else { throw .invalid("x or the indices are empty") }
        if let known = builder.constant(indices)?.integers,
            let wrong = known.first(where: { !(0..<Int64(columns)).contains($0) })
        {
            throw .invalid("index \(wrong) of \(columns) features")
        }
        let result = shape.count == 1 ? [1, count] : shape.dropLast() + [count]
        let picked = try builder.emit(
            .pickFeatures, words: [Int32(columns)], [x, indices], to: result, builder.elementType(x))
        builder.graph[picked].labels = builder.graph[x].labels
        return [picked]
    }

    /// A map from class to probability for each row is the tensor of probabilities, with the classes' names told.
    private static func zipMap(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        let x = try node.input(0)
        let labels = try ScoreOperators.labels(node, "classlabels_strings", "classlabels_int64s")
        guard builder.elementType(x) == .float32, builder.shape(x).last == labels.numbers.count else {
            throw .invalid("\(labels.numbers.count) classes do not fit \(builder.shape(x))")
        }
        builder.graph[x].labels = labels.names
        return [x]
    }

    // MARK: - LabelEncoder

    private static func labelEncoder(_ builder: inout GraphBuilder, _ node: ImportedNode) throws(Refusal) -> [ValueID] {
        guard node.version >= 2 else {
            throw .unsupported("a LabelEncoder of version 1", help: "convert the model to ai.onnx.ml 2 or newer")
        }
        let x = try node.input(0)
        let keys: Constant
        if let texts = try node.strings("keys_strings") {
            keys = Constant(integers: try numbers(of: texts, builder, x), shape: [texts.count])
        } else if let numbers = try list(node, "keys") {
            keys = numbers
        } else {
            throw .unsupported("keys of no numeric type", help: "use integers, floats or doubles")
        }
        guard keys.elementType == builder.elementType(x) else {
            throw .invalid("keys of \(keys.elementType) for \(builder.elementType(x))")
        }
        let found = try values(node)
        guard found.table.count == keys.count, keys.count > 0 else {
            throw .invalid("keys and values differ in number")
        }
        // The first of equal keys stands first and wins, as it does in the search.
        let reals = keys.reals ?? []
        let order = reals.indices.sorted { one, other in
            let (a, b) = (reals[one], reals[other])
            return a < b || (!a.isNaN && b.isNaN) || (!(b < a) && a.isNaN == b.isNaN && one < other)
        }
        let inputs: [ValueID?] = [
            x, try builder.constant(keys.gathered(order, shape: [keys.count])),
            try builder.constant(found.table.gathered(order, shape: [keys.count])), try builder.constant(found.other),
        ]
        let result = try builder.emit(.lookUp, inputs, to: builder.shape(x), found.table.elementType)
        builder.graph[result].labels = found.texts
        return [result]
    }

    /// Numbers that are an attribute of integers or floats, or a tensor.
    private static func list(_ node: ImportedNode, _ role: String) throws(Refusal) -> Constant? {
        if let tensor = try node.tensor("\(role)_tensor") { return tensor.reshaped([tensor.count]) }
        if let values = try node.ints("\(role)_int64s") {
            return Constant(integers: values.map { Int64($0) }, shape: [values.count])
        }
        return try node.floats("\(role)_floats").map { Constant(floats: $0, shape: [$0.count]) }
    }

    /// What keys lead to, and what others do; texts become numbers of a list.
    private static func values(
        _ node: ImportedNode
    ) throws(Refusal) -> (table: Constant, other: Constant, texts: [String]?) {
        if let texts = try node.strings("values_strings") {
            let other = try node.text("default_string", default: "_Unused")
            let table = TextTable(texts + [other])
            return (
                Constant(integers: Array(table.numbers.dropLast()), shape: [texts.count]),
                Constant(integers: Array(table.numbers.suffix(1)), shape: [1]), table.names
            )
        }
        guard let table = try list(node, "values") else {
            throw .unsupported("values of no numeric type", help: "use integers, floats or doubles")
        }
        if let other = try node.tensor("default_tensor") {
            guard other.elementType == table.elementType, other.count == 1 else {
                throw .invalid("default_tensor does not fit the values")
            }
            return (table, other.reshaped([1]), nil)
        }
        switch table.elementType {
        case .float32:
            return (table, Constant(floats: [try node.float("default_float", default: -0.0)], shape: [1]), nil)
        case .float64: return (table, Constant(reals: [-0.0], shape: [1], elementType: .float64), nil)
        case let type:
            let other = Int64(try node.int("default_int64", default: -1))
            return (table, Constant(integers: [other], shape: [1], elementType: type), nil)
        }
    }

    /// Texts as the numbers that a value has for them: an image holds no texts.
    private static func numbers(
        of texts: [String], _ builder: GraphBuilder, _ x: ValueID
    ) throws(Refusal) -> [Int64] {
        guard let names = builder.graph[x].labels else {
            throw .unsupported("it takes texts", help: "encode texts as integers before they reach the device")
        }
        // A text that cannot come up gets a number that cannot either.
        return texts.map { text in names.firstIndex(of: text).map { Int64($0) } ?? -1 }
    }
}

extension GraphBuilder {
    /// Not, of bools.
    mutating func not(_ x: ValueID) throws(Refusal) -> ValueID {
        try emit(.mapElements, words: [MapFunction.not.rawValue], [x], to: shape(x), .bool, mayRunInPlace: true)
    }
}
