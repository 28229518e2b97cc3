import CMartletEdge
import EdgeRuntime
import ModelImage

/// What a `martlet_model *` points to: a model, and what C asks about it, prepared once.
final class OpenModel {
    var model: Model
    let inputs: [PortDescription]
    let outputs: [PortDescription]
    let instructionSet: CText

    init(_ model: consuming Model) {
        inputs = model.inputs.map(PortDescription.init)
        outputs = model.outputs.map(PortDescription.init)
        instructionSet = CText(model.instructionSet.name)
        self.model = model
    }

    /// The handle that C keeps; it holds the object until ``close(_:)``.
    var handle: OpaquePointer { OpaquePointer(Unmanaged.passRetained(self).toOpaque()) }

    static func at(_ handle: OpaquePointer) -> OpenModel {
        Unmanaged<OpenModel>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
    }

    static func close(_ handle: OpaquePointer) {
        Unmanaged<OpenModel>.fromOpaque(UnsafeRawPointer(handle)).release()
    }
}

/// An input or output as C sees it.
final class PortDescription {
    private let name: CText
    private let info: TensorInfo
    let byteCount: Int

    init(_ info: TensorInfo) {
        self.info = info
        name = CText(info.name)
        byteCount = info.elementCount * info.elementType.size
    }

    var tensor: martlet_tensor {
        var tensor = martlet_tensor()
        tensor.name = name.pointer
        tensor.element_type = Int32(info.elementType.rawValue)
        tensor.rank = Int32(info.shape.count)
        tensor.byte_count = byteCount
        withUnsafeMutableBytes(of: &tensor.shape) { bytes in
            let dimensions = bytes.assumingMemoryBound(to: Int32.self)
            for (axis, dimension) in info.shape.prefix(dimensions.count).enumerated() {
                dimensions[axis] = Int32(clamping: dimension)
            }
        }
        return tensor
    }
}

/// A text that ends with a zero byte and stays where it is for as long as this object lives.
final class CText {
    let pointer: UnsafePointer<CChar>
    private let storage: UnsafeMutableBufferPointer<CChar>

    init(_ text: String) {
        storage = UnsafeMutableBufferPointer<CChar>.allocate(capacity: text.utf8.count + 1)
        for (index, byte) in text.utf8.enumerated() { storage[index] = CChar(bitPattern: byte) }
        storage[text.utf8.count] = 0
        pointer = UnsafePointer(storage.baseAddress.unsafelyUnwrapped)
    }

    deinit { storage.deallocate() }
}
