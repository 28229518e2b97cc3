public import FleetModel
public import FleetWire

/// Lines of a device's log that gather until they are closed into a message. What is said again is counted, and a device
/// that has much to say makes one message in a while: a flood of troubles must not become a flood of messages.
public struct LogGathering: Sendable {
    /// Bytes of a message. Small beside the quota: a log gives way a message at a time.
    public static let messageBytes = 4 << 10
    /// Between two messages.
    public static let pause = Interval.seconds(10)
    /// Bytes of a message without lines, and around the text of a line, at most.
    private static let messageOverhead = 128
    private static let lineOverhead = 40

    /// Oldest first.
    public private(set) var lines: [LogLine] = []
    private var textBytes = 0
    private var openedAt = Instant.epoch
    /// Before this nothing is closed.
    private var heldUntil = Instant.epoch
    private var byteLimit: Int

    /// - Parameter quota: bytes that the log may hold altogether.
    public init(quota: Int) { byteLimit = min(quota, Self.messageBytes) }

    /// Bytes of the message that the lines make, at most.
    public var bytes: Int { Self.messageOverhead + textBytes }

    /// Three quarters of what fits: what is said before it is closed has room.
    private var isFull: Bool { 4 * bytes >= 3 * byteLimit || 4 * lines.count >= 3 * WireLimits.logLines }

    /// Adds a line, or counts it if it was said already. The oldest make room.
    ///
    /// - Returns: how many lines were given up for it, repeats counted.
    public mutating func add(_ line: LogLine) -> UInt64 {
        if let known = lines.firstIndex(where: { $0.text == line.text && $0.severity == line.severity }) {
            lines[known].count += line.count
            return 0
        }
        if lines.isEmpty { openedAt = line.time }
        lines.append(line)
        textBytes += Self.cost(line)
        return trim()
    }

    /// Another quota from now on.
    ///
    /// - Returns: how many lines were given up for it, repeats counted.
    public mutating func adopt(quota: Int) -> UInt64 {
        byteLimit = min(quota, Self.messageBytes)
        return trim()
    }

    private mutating func trim() -> UInt64 {
        var dropped: UInt64 = 0
        while lines.count > WireLimits.logLines || bytes > byteLimit, let oldest = lines.first {
            lines.removeFirst()
            textBytes -= Self.cost(oldest)
            dropped += oldest.count
        }
        return dropped
    }

    /// When the lines are to be closed into a message: after an interval, or soon if it is full; nil without lines.
    public func dueAt(_ interval: Interval) -> Instant? {
        guard !lines.isEmpty else { return nil }
        return max(heldUntil, isFull ? openedAt : openedAt.advanced(by: interval))
    }

    /// They were closed.
    public mutating func closed(at now: Instant) {
        lines.removeAll()
        textBytes = 0
        heldUntil = now.advanced(by: Self.pause)
    }

    /// They could not be closed: not before this.
    public mutating func hold(until instant: Instant) { heldUntil = instant }

    private static func cost(_ line: LogLine) -> Int { line.text.utf8.count + lineOverhead }
}
