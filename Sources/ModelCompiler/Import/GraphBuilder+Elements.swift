import ModelImage

/// Elementwise operations for any element type: the vector kernels for float32, the portable operators for others.
extension GraphBuilder {
    /// A function of two values of one type, with broadcasting.
    mutating func combine(_ operation: PairOperation, _ a: ValueID, _ b: ValueID) throws(Refusal) -> ValueID {
        let type = elementType(a)
        guard type == elementType(b) else {
            throw .invalid("its operands are of \(type) and \(elementType(b))")
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
