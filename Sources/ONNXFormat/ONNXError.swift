/// What went wrong while an ONNX model was read, built or looked into.
///
/// The ``code`` is stable and meant for programs; the ``context`` says in words what was wrong, where, and what to do.
public struct ONNXError: Error, Hashable, Sendable {
    /// The stable kind of a failure.
    public enum Code: String, Hashable, Sendable {
        /// The bytes end inside a field, or a length points past the end of what holds it.
        case truncated
        /// A field has a wire type or a value that its place in the format does not allow.
        case malformed
        /// A text field is not valid UTF-8.
        case invalidText
        /// A number stands for no element type of the ONNX specification.
        case unknownElementType
        /// A tensor's dimensions and its data do not agree.
        case sizeMismatch
        /// A tensor's data lies in another file.
        case externalData
        /// A named limit of ``ONNXLimits`` is exceeded.
        case limitExceeded
        /// A tensor or attribute was asked for values of another type than it holds.
        case wrongType
        /// A model without a graph, or a node without an attribute that it needs.
        case missing
    }

    /// The stable kind.
    public let code: Code
    /// What was wrong and what to do about it.
    public let context: String
    /// The offset in the file, in bytes, where it was noticed; `nil` when the failure has no place in a file.
    public let offset: Int?

    /// Describes a failure.
    public init(_ code: Code, _ context: String, offset: Int? = nil) {
        self.code = code
        self.context = context
        self.offset = offset
    }
}

extension ONNXError: CustomStringConvertible {
    public var description: String {
        guard let offset else { return "\(code.rawValue): \(context)" }
        return "\(code.rawValue) at byte \(offset): \(context)"
    }
}
