public import EdgeRuntime
import ModelImage

/// A compiled model in memory that runs on ``HostTensor``s.
///
/// It owns the image's bytes, at the alignment that the runtime wants, for as long as the model lives.
public struct ModelSession: ~Copyable {
    private let memory: UnsafeMutableRawBufferPointer
    /// The loaded model.
    public var model: Model

    /// Loads an image.
    ///
    /// - Throws: ``ModelToolsError`` `load` when the runtime refuses it.
    public init(image: [UInt8], instructionSet: InstructionSet? = nil) throws(ModelToolsError) {
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: image.count, alignment: ImageFormat.alignment)
        memory.copyBytes(from: image)
        do throws(RuntimeError) {
            model = try Model(bytes: UnsafeRawBufferPointer(memory), instructionSet: instructionSet)
        } catch {
            memory.deallocate()
            throw ModelToolsError(.load, "the image does not load: \(error)")
        }
        self.memory = memory
    }

    deinit {
        // Only the model's own memory is freed by its deinit, which does not look at the image.
        memory.deallocate()
    }

    /// Runs the model once.
    ///
    /// - Parameter inputs: One tensor for each input, in the model's order.
    /// - Returns: The outputs, in the model's order.
    /// - Throws: ``ModelToolsError`` `tensor` when an input has another type or shape than the model wants.
    public mutating func run(_ inputs: [HostTensor]) throws(ModelToolsError) -> [HostTensor] {
        let ports = model.inputs
        guard inputs.count == ports.count else {
            throw ModelToolsError(.tensor, "the model has \(ports.count) inputs, \(inputs.count) are given")
        }
        for (port, tensor) in zip(ports, inputs) {
            guard tensor.elementType == port.elementType, tensor.shape == port.shape else {
                throw ModelToolsError(
                    .tensor,
                    "input \"\(port.name)\" is \(port.elementType) \(port.shape), given is \(tensor.elementType) "
                        + "\(tensor.shape)")
            }
        }
        for (port, tensor) in inputs.enumerated() {
            model.withInput(port) { $0.copyBytes(from: tensor.bytes) }
        }
        model.run()
        var results: [HostTensor] = []
        for (index, port) in model.outputs.enumerated() {
            let bytes = model.withOutput(index) { Array($0) }
            results.append(try HostTensor(elementType: port.elementType, shape: port.shape, bytes: bytes))
        }
        return results
    }
}
