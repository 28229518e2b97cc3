/// Why a blob could not be encoded or decoded.
public struct BlobCodingError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What went wrong. Raw values are stable.
    public enum Code: UInt16, Sendable {
        /// The bytes are not of the codec that they are said to be.
        case malformed = 1
        /// The output is longer than the image may be: a small blob may claim to be an endless image.
        case tooLarge = 2
        /// A delta reads past the end of its base: it was made from another image.
        case wrongBase = 3
        /// Reading the blob or its base failed.
        case sourceFailed = 4
        /// Writing the result failed.
        case sinkFailed = 5
        /// No memory for the codec's window.
        case outOfMemory = 6
    }

    public let code: Code
    /// What was found, and where.
    public let detail: String

    public init(_ code: Code, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    public var description: String { detail }
}
