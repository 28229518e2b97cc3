/// What can go wrong before a client or a loop exists. Once a client lives, its failures arrive as `MQTTEvent`s.
public struct MQTTError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Stable codes: scripts and tests may compare them.
    public enum Code: String, Sendable {
        /// The operating system refused epoll, eventfd or a thread.
        case systemCallFailed = "mqtt.systemCallFailed"
        /// libmosquitto could not make a client.
        case libraryFailed = "mqtt.libraryFailed"
        /// A value of `MQTTConfiguration` is outside its documented range.
        case invalidConfiguration = "mqtt.invalidConfiguration"
    }

    /// Which kind of failure this is.
    public let code: Code
    /// What happened, where, and what to do about it.
    public let context: String

    public init(_ code: Code, _ context: String) {
        self.code = code
        self.context = context
    }

    public var description: String { "\(code.rawValue): \(context)" }
}
