/// Why an image was refused, or could not be written.
public struct ImageError: Error, Equatable, Sendable {
    /// What went wrong. Raw values are stable: receipts and logs carry them.
    public enum Code: UInt16, Sendable {
        /// Shorter than its header says, or than a header.
        case truncated = 1
        /// Not an image: the magic number differs.
        case notAnImage = 2
        /// Written for another major version of the format.
        case unsupportedVersion = 3
        /// The checksum does not match the bytes.
        case checksumMismatch = 4
        /// A section or record lies outside the file, or is not aligned.
        case badLayout = 5
        /// A number exceeds ``ImageLimits``.
        case limitExceeded = 6
        /// A tensor's record contradicts itself.
        case badTensor = 7
        /// The opcode, function or mode is not known to this reader.
        case unknownOperation = 8
        /// An operand index, count, type or placement is not what the operation takes.
        case badOperand = 9
        /// The shapes of an operation's operands do not fit one another.
        case badShape = 10
        /// An attribute is missing or out of range.
        case badAttribute = 11
        /// The scratch region is too small, unaligned or outside the arena.
        case badScratch = 12
        /// The image's bytes are not aligned in memory as ``ImageFormat/alignment`` demands.
        case misaligned = 13
    }

    /// The part of the image that is at fault.
    public enum Subject: Equatable, Sendable {
        case file
        case header
        case tensor(Int)
        case operation(Int)
    }

    public let code: Code
    public let subject: Subject
    /// What was found and what is expected.
    public let detail: StaticString

    /// An error about `subject`.
    public init(_ code: Code, _ subject: Subject, _ detail: StaticString) {
        self.code = code
        self.subject = subject
        self.detail = detail
    }

    public static func == (one: ImageError, other: ImageError) -> Bool {
        one.code == other.code && one.subject == other.subject
    }
}

extension ImageError: CustomStringConvertible {
    public var description: String {
        let place =
            switch subject {
            case .file: "the file"
            case .header: "the header"
            case .tensor(let index): "tensor \(index)"
            case .operation(let index): "operation \(index)"
            }
        return "image refused (code \(code.rawValue)) at \(place): \(detail)"
    }
}
