public import FleetWire

/// How many lines of the log were given up, and how many of them no message has told yet. What a transaction changes
/// counts once it is durable.
public struct LogLoss: Sendable {
    /// What the open transaction changes.
    private struct Change: Sendable {
        /// Lines of stored messages that were given up, and what those messages would have told.
        var lines: UInt64 = 0
        var untold: UInt64 = 0
        /// What new messages tell, and the lines in them.
        var told: UInt64 = 0
        var written: UInt64 = 0
    }

    /// Since the start.
    public private(set) var total: UInt64 = 0
    private var untold: UInt64 = 0
    private var change = Change()

    public init() {}

    /// What a message that is written now has to tell.
    public var toTell: UInt64 { untold + change.lines + change.untold - change.told }

    /// These are gone for good.
    public mutating func lost(_ lines: UInt64) {
        untold += lines
        total += lines
    }

    /// A stored message was deleted to make room.
    public mutating func gaveUp(_ message: DeviceLog) {
        change.untold += message.dropped
        change.lines += message.lineCount - message.dropped
    }

    /// A message was written that told what there was to tell.
    public mutating func wrote(_ message: DeviceLog) {
        change.told += message.dropped
        change.written += message.lineCount - message.dropped
    }

    public mutating func committed() {
        untold = toTell
        total += change.lines
        change = Change()
    }

    /// The transaction is undone: what was deleted is there again, what was written is lost.
    public mutating func rolledBack() {
        let written = change.written
        change = Change()
        lost(written)
    }
}
