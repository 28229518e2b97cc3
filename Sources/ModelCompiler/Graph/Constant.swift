import ModelImage

/// Elements that are known when the model is compiled.
///
/// Numbers are widened: every floating-point type is held as `Float`, every integer type and `bool` as `Int64`;
/// ``elementType`` says what they are in the model.
struct Constant: Equatable, Sendable {
    enum Elements: Equatable, Sendable {
        case floats([Float])
        case integers([Int64])
    }

    var elementType: ElementType
    /// The extent of each axis. Unlike a value at run time a constant may be empty.
    var shape: [Int]
    /// Row-major; as many as the product of ``shape``.
    var elements: Elements

    init(floats: [Float], shape: [Int]) {
        elementType = .float32
        self.shape = shape
        elements = .floats(floats)
    }

    init(integers: [Int64], shape: [Int], elementType: ElementType = .int64) {
        self.elementType = elementType
        self.shape = shape
        elements = .integers(integers)
    }

    init(elementType: ElementType, shape: [Int], elements: Elements) {
        self.elementType = elementType
        self.shape = shape
        self.elements = elements
    }

    var count: Int { shape.reduce(1, *) }

    var floats: [Float]? {
        guard case .floats(let values) = elements else { return nil }
        return values
    }

    var integers: [Int64]? {
        guard case .integers(let values) = elements else { return nil }
        return values
    }

    /// The same elements under other extents, whose product must be the same.
    func reshaped(_ shape: [Int]) -> Constant {
        Constant(elementType: elementType, shape: shape, elements: elements)
    }

    /// The elements at `positions` of the row-major order, as a constant of `shape`.
    func gathered(_ positions: [Int], shape: [Int]) -> Constant {
        switch elements {
        case .floats(let values):
            Constant(elementType: elementType, shape: shape, elements: .floats(positions.map { values[$0] }))
        case .integers(let values):
            Constant(elementType: elementType, shape: shape, elements: .integers(positions.map { values[$0] }))
        }
    }
}
