public import EdgeRuntime
import ModelImage

/// A compiled model in memory that runs on ``HostTensor``s.
///
/// It owns the image's bytes, at the alignment that the runtime wants, for as long as the model lives.
public struct ModelSession: ~Copyable {
    private let memory: ImageMemory
    /// The loaded model.
    public var model: Model

    /// Loads an image.
    ///
    /// - Throws: ``ModelToolsError`` `load` when the runtime refuses it.
    public init(image: [UInt8], instructionSet: InstructionSet? = nil) throws(ModelToolsError) {
        memory = ImageMemory(copying: image)
        do throws(RuntimeError) {
            model = try Model(bytes: memory.bytes, instructionSet: instructionSet)
        } catch {
            throw ModelToolsError(.load, "the image does not load: \(error)")
        }
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
            // Only the rows that this run has filled, where their number depends on data.
            var shape = port.shape
            if !shape.isEmpty { shape[0] = model.outputExtent(index) }
            let bytes = model.withOutput(index) { Array($0.prefix(shape.reduce(port.elementType.size, *))) }
            results.append(try HostTensor(elementType: port.elementType, shape: shape, bytes: bytes))
        }
        return results
    }
}
