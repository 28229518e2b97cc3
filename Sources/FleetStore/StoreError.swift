/// Why the store refused or failed.
public struct StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Stable codes for programs.
    public enum Code: String, Hashable, Sendable {
        case cannotOpen, notFound, corruptBlob, blobTooLarge, cannotWriteBlob, damagedFrame, wrongFrameKey
    }

    public let code: Code
    /// What happened, with the names that it happened to.
    public let message: String
    /// What a person can do about it.
    public let hint: String

    public init(_ code: Code, _ message: String, hint: String) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    public var description: String { "\(code.rawValue): \(message); \(hint)" }
}
