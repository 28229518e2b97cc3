public import ModelImage

/// Why a model could not be loaded or run. A run that has begun cannot fail.
public enum RuntimeError: Error, Equatable, Sendable {
    /// The image was refused; the value says where and why.
    case image(ImageError)
    /// The file could not be opened or mapped; the value is the system's `errno`.
    case unreadableFile(code: Int32)
    /// `MARTLET_ISA` or the caller names an instruction set that this processor or build does not have.
    case unavailableInstructionSet
    /// That many threads cannot be had: 1 to 64 may be asked for, and the system must have them.
    case unavailableThreads(Int)
    /// The system does not give that many bytes of working memory.
    case noMemory(bytes: Int)
    /// There is no input or output of that number.
    case noSuchPort(Int)
    /// A buffer holds another number of elements than the input or output.
    case wrongCount(expected: Int, found: Int)
    /// A float buffer was given for a tensor of another element type; use the buffer of bytes.
    case notFloat(ElementType)
    /// The model has more than one input or output; use the functions that name a port.
    case severalPorts(inputs: Int, outputs: Int)

    /// A stable number for logs and receipts: an `ImageError`'s code, or 100 and above.
    public var code: Int {
        switch self {
        case .image(let error): Int(error.code.rawValue)
        case .unreadableFile: 100
        case .unavailableInstructionSet: 101
        case .noSuchPort: 102
        case .wrongCount: 103
        case .notFloat: 104
        case .severalPorts: 105
        case .unavailableThreads: 106
        case .noMemory: 107
        }
    }
}

extension RuntimeError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .image(let error): error.description
        case .unreadableFile(let code): "the image file cannot be mapped (errno \(code)); check path and permissions"
        case .unavailableInstructionSet:
            "MARTLET_ISA must be baseline, avx2 or avx512, and the processor must have it"
        case .unavailableThreads(let count): "\(count) threads cannot be had; ask for 1 to 64"
        case .noMemory(let bytes): "the system does not give \(bytes) bytes of working memory"
        case .noSuchPort(let port): "the model has no input or output \(port)"
        case .wrongCount(let expected, let found): "the buffer has \(found) elements and must have \(expected)"
        case .notFloat(let type): "the tensor's elements are not float32 but of ONNX type \(type.rawValue)"
        case .severalPorts(let inputs, let outputs):
            "the model has \(inputs) inputs and \(outputs) outputs; name the port"
        }
    }
}
