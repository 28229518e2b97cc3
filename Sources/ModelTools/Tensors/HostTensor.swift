public import ModelImage
public import ONNXFormat

/// A tensor outside of a model: read from a file, given to an input or taken from an output.
public struct HostTensor: Hashable, Sendable {
    /// What the elements are.
    public var elementType: ElementType
    /// The extent of each axis; empty for a scalar.
    public var shape: [Int]
    /// The elements, little-endian and row-major: `elementCount × elementType.size` bytes.
    public var bytes: [UInt8]

    /// Creates a tensor.
    ///
    /// - Throws: ``ModelToolsError`` `tensor` unless there are as many bytes as type and shape say.
    public init(elementType: ElementType, shape: [Int], bytes: [UInt8]) throws(ModelToolsError) {
        var expected = elementType.size
        for extent in shape {
            let (product, overflow) = expected.multipliedReportingOverflow(by: extent)
            guard extent >= 0, !overflow else { throw ModelToolsError(.tensor, "impossible shape \(shape)") }
            expected = product
        }
        guard bytes.count == expected else {
            throw ModelToolsError(.tensor, "\(elementType) \(shape) takes \(expected) bytes, there are \(bytes.count)")
        }
        self.elementType = elementType
        self.shape = shape
        self.bytes = bytes
    }

    /// The number of elements.
    public var elementCount: Int { shape.reduce(1, *) }
}

// MARK: - ONNX

extension HostTensor {
    /// The elements of an ONNX tensor.
    ///
    /// - Throws: ``ModelToolsError`` `elementType` for a type that no image holds, `tensor` for data that lies elsewhere.
    public init(_ tensor: ONNXTensor) throws(ModelToolsError) {
        let bytes: [UInt8]
        let elementType: ElementType
        do throws(ONNXError) {
            guard let type = UInt8(exactly: tensor.elementType.rawValue).flatMap(ElementType.init(rawValue:)) else {
                throw ONNXError(.wrongType, "\(tensor.elementType) is no element type of an image")
            }
            bytes = try tensor.rawBytes()
            elementType = type
        } catch {
            throw ModelToolsError(error.code == .wrongType ? .elementType : .tensor, error.description)
        }
        try self.init(elementType: elementType, shape: tensor.dims, bytes: bytes)
    }

    /// The tensor as an ONNX constant.
    public func onnx(name: String) throws(ModelToolsError) -> ONNXTensor {
        guard let type = ONNXElementType(rawValue: Int32(elementType.rawValue)) else {
            throw ModelToolsError(.elementType, "\(elementType) has no number in ONNX")
        }
        return ONNXTensor(name: name, elementType: type, dims: shape, content: .raw(bytes))
    }
}
