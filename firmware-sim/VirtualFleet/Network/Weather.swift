/// What the network does to messages.
public struct Weather: Hashable, Sendable {
    /// Milliseconds that a message takes, drawn evenly.
    public var delay: ClosedRange<Int64> = 5...60
    /// Share of QoS 0 messages that are lost on their way to a device, 0...1.
    public var loss = 0.0
    /// Share of messages that arrive twice, 0...1.
    public var duplication = 0.0

    public init() {}

    /// What messages meet on a way that has both.
    func joined(with other: Weather?) -> Weather {
        guard let other else { return self }
        var worse = self
        worse.delay =
            max(delay.lowerBound, other.delay.lowerBound)...max(delay.upperBound, other.delay.upperBound)
        worse.loss = max(loss, other.loss)
        worse.duplication = max(duplication, other.duplication)
        return worse
    }
}
