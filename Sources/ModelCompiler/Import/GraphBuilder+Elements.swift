import ModelImage

/// Elementwise operations for any element type: the vector kernels for float32, the portable operators for others.
extension GraphBuilder {
    /// Refuses bool where the operator's specification wants numbers.
    func requireNumbers(_ x: ValueID) throws(Refusal) {
        guard elementType(x) != .bool else { throw .invalid("it is not defined for bool") }
    }

    /// Refuses integers and bool where the operator's specification wants floats.
    func requireFloating(_ x: ValueID) throws(Refusal) {
        guard elementType(x).isFloating else { throw .invalid("it is not defined for \(elementType(x))") }
    }

    /// A function of two values of one type, with broadcasting.
    mutating func combine(_ operation: PairOperation, _ a: ValueID, _ b: ValueID) throws(Refusal) -> ValueID {
        let type = elementType(a)
        guard type == elementType(b) else {
            throw .invalid("its operands are of \(type) and \(elementType(b))")
        }
        switch operation {
        case .and, .or, .xor:
            guard type == .bool else { throw .invalid("it is not defined for \(type)") }
        case .equal: break
        default: try requireNumbers(a)
        }
        if type == .float32, let function = BinaryFunction(rawValue: operation.rawValue) {
            return try emit(.binary(function), .none, [a, b])
        }
        guard let result = Extents.broadcast(shape(a), shape(b)) else {
            throw .invalid("\(shape(a)) and \(shape(b)) do not broadcast")
        }
        return try emit(
            .combineElements, words: [operation.rawValue], [a, b], to: result, operation.isPredicate ? .bool : type)
    }

    /// `condition ? a : b` element by element, with broadcasting.
    mutating func select(_ condition: ValueID, _ a: ValueID, _ b: ValueID) throws(Refusal) -> ValueID {
        guard elementType(condition) == .bool, elementType(a) == elementType(b) else {
            throw .invalid("the condition is not bool, or the operands differ in type")
        }
        guard let pair = Extents.broadcast(shape(a), shape(b)),
            let result = Extents.broadcast(shape(condition), pair)
        else { throw .invalid("the operands do not broadcast") }
        return try emit(.selectElements, [condition, a, b], to: result, elementType(a))
    }

    /// The value in another element type, by the rules of ONNX's Cast.
    mutating func cast(_ x: ValueID, to type: ElementType) throws(Refusal) -> ValueID {
        elementType(x) == type ? x : try emit(.castElements, [x], to: shape(x), type)
    }

    /// The value repeated along axes of extent 1 (and new ones in front) up to `shape`.
    mutating func expand(_ x: ValueID, to target: [Int]) throws(Refusal) -> ValueID {
        guard Extents.broadcast(shape(x), target) == target else {
            throw .invalid("\(shape(x)) does not expand to \(target)")
        }
        if shape(x).reduce(1, *) == target.reduce(1, *) { return try reshape(x, to: target) }
        return try emit(.expand, [x], to: target, elementType(x))
    }

    /// The elements of `x` that indices name along an axis.
    mutating func gather(
        _ x: ValueID, _ indices: ValueID, axis: Int, to target: [Int]
    ) throws(Refusal) -> ValueID {
        try emit(.gather, words: [Int32(axis)], [x, indices], to: target, elementType(x))
    }

    /// A value of which only as many rows count as `extent` says during the run.
    mutating func counted(_ value: ValueID, by extent: ValueID) throws(Refusal) -> ValueID {
        guard let count = constant(extent)?.integers?.first, constant(value) != nil else {
            graph[value].extent = extent
            return value
        }
        let shape = shape(value)
        let counts = [min(Int(count), shape[0])] + shape.dropFirst()
        return try emit(
            .slice(starts: shape.map { _ in 0 }, steps: shape.map { _ in 1 }, counts: counts), .none, [value])
    }

    /// A constant with one element of any type.
    mutating func scalar(_ value: Double, _ type: ElementType) throws(Refusal) -> ValueID {
        let float = try constant(
            Constant(elementType: .float64, shape: [], bytes: withUnsafeBytes(of: value) { Array($0) }))
        return try cast(float, to: type)
    }

    /// A reduction over ascending axes for any element type.
    mutating func reduce(
        _ function: ReduceFunction, _ x: ValueID, axes: [Int], keepsAxes: Bool
    ) throws(Refusal) -> ValueID {
        let extents = shape(x)
        if function != .maximum, function != .minimum { try requireNumbers(x) }
        if function == .logSumExp, !elementType(x).isFloating {
            let real = try reduce(function, cast(x, to: .float64), axes: axes, keepsAxes: keepsAxes)
            return try cast(real, to: elementType(x))
        }
        let result =
            keepsAxes
            ? extents.indices.map { axes.contains($0) ? 1 : extents[$0] }
            : extents.indices.filter { !axes.contains($0) }.map { extents[$0] }
        if elementType(x) == .float32, !extents.contains(0), !axes.isEmpty {
            return try emit(.reduce(function, axes: axes, keepsAxes: keepsAxes), .none, [x])
        }
        return try emit(
            .reduceElements, words: [function.rawValue] + axes.map { Int32($0) }, [x], to: result, elementType(x))
    }
}
