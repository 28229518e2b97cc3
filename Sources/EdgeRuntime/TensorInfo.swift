public import ModelImage

/// What a model's input or output is.
public struct TensorInfo: Equatable, Sendable {
    /// The name in the original model.
    public let name: String
    /// Dimensions, outermost first.
    public let shape: [Int]
    public let elementType: ElementType

    /// The number of elements.
    public var elementCount: Int { shape.reduce(1, *) }

    init(_ reader: ImageReader, tensor index: Int) {
        let record = reader.tensor(index)
        name = reader.tensorName(index)
        shape = record.shape.dimensions
        elementType = record.elementType
    }
}
