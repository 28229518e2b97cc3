/// Bounds on what the reader accepts. A length in a file is never trusted: memory grows only with bytes that are there.
public struct ONNXLimits: Hashable, Sendable {
    /// The largest file, in bytes: by default what protobuf itself stops at.
    public var maximumBytes: Int
    /// How deep messages may be nested. A subgraph inside a subgraph costs three levels.
    public var maximumDepth: Int
    /// How many messages (nodes, tensors, attributes, shapes …) a file may hold in all.
    public var maximumMessages: Int
    /// How many dimensions a tensor or a shape may have.
    public var maximumRank: Int
    /// The longest name, operator or other text, in bytes.
    public var maximumTextBytes: Int

    /// Creates limits; the defaults suit models for edge devices.
    public init(
        maximumBytes: Int = Int(Int32.max), maximumDepth: Int = 48, maximumMessages: Int = 1_000_000,
        maximumRank: Int = 16, maximumTextBytes: Int = 1 << 20
    ) {
        self.maximumBytes = maximumBytes
        self.maximumDepth = maximumDepth
        self.maximumMessages = maximumMessages
        self.maximumRank = maximumRank
        self.maximumTextBytes = maximumTextBytes
    }
}
