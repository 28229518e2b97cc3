/// Why a tool could not do its work: a stable code, and what, where and what to do.
public struct ModelToolsError: Error, Hashable, Sendable {
    /// The stable kind, for programs.
    public enum Code: String, Sendable {
        /// A file or folder cannot be read or written.
        case file
        /// A file is not what its name says: no ONNX model, no tensor, no NumPy array.
        case format
        /// Shape and data of a tensor do not agree, or do not fit the model.
        case tensor
        /// An element type that images cannot hold.
        case elementType
        /// The model does not compile.
        case compile
        /// The image does not load.
        case load
        /// An input or output that the model does not have, or one that is missing.
        case name
        /// An option that makes no sense here.
        case option
        /// A named limit is exceeded.
        case limit
        /// A dataset does not hold what is needed.
        case dataset
    }

    /// The stable kind.
    public let code: Code
    /// What is wrong and what would help.
    public let reason: String

    /// Creates an error.
    public init(_ code: Code, _ reason: String) {
        self.code = code
        self.reason = reason
    }
}

extension ModelToolsError: CustomStringConvertible {
    public var description: String { reason }
}
