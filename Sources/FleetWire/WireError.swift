/// Why bytes from outside were refused: a stable code, and where in the message it went wrong.
public struct WireError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Stable names for logs, metrics and answers.
    public enum Code: String, Hashable, Sendable, CaseIterable {
        /// The bytes end within an item.
        case truncated
        /// Bytes follow the message.
        case trailingBytes
        /// Not CBOR (RFC 8949, 3), such as a reserved length or text that is not UTF-8.
        case malformed
        /// CBOR, but not in the one deterministic form (RFC 8949, 4.2.1) that this protocol speaks.
        case notDeterministic
        /// Nested more deeply than `WireLimits.depth`.
        case tooDeep
        /// Longer than the limit for its kind.
        case tooLarge
        /// Another type of item than the schema says.
        case wrongType
        /// A mandatory key is absent.
        case missingField
        /// Of the right type but not among the values that the schema allows.
        case outOfRange
        /// Fewer valid signatures by distinct trusted keys than the threshold.
        case tooFewSignatures
        /// Not a topic of this protocol.
        case unknownTopic
    }

    public let code: Code
    /// Where: a message and key such as `report.features`, or what was expected.
    public let context: String

    public init(_ code: Code, _ context: String = "") {
        self.code = code
        self.context = context
    }

    public var description: String { context.isEmpty ? code.rawValue : "\(code.rawValue): \(context)" }

    /// The same error, seen from the message around it.
    func within(_ outer: String) -> WireError {
        WireError(code, context.isEmpty ? outer : "\(outer): \(context)")
    }
}
