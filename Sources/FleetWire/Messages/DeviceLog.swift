public import FleetModel

/// `dev/{id}/up/log`: what a device's agent had to say, keyed (device, boot, sequence). For people alone: nothing is
/// decided by it, and it is the first thing that a device without room gives up.
public struct DeviceLog: Hashable, Sendable {
    public var boot: String
    /// Counts from 1 within (boot, log stream).
    public var sequence: UInt64
    /// Lines that were given up since the message before said so.
    public var dropped: UInt64
    /// Oldest first; at least one.
    public var lines: [LogLine]

    public init(boot: String, sequence: UInt64, dropped: UInt64, lines: [LogLine]) {
        self.boot = boot
        self.sequence = sequence
        self.dropped = dropped
        self.lines = lines
    }

    /// The lines that are lost with the message, repeats counted.
    public var lineCount: UInt64 { lines.reduce(dropped) { $0 + $1.count } }
}

/// How much a line of a device's log matters.
public enum LogSeverity: String, Hashable, Sendable, CaseIterable {
    /// Worth knowing when something else went wrong.
    case notice
    /// Something was refused or failed; work goes on.
    case problem
}

/// One line of a device's log.
public struct LogLine: Hashable, Sendable {
    /// When it was said first.
    public var time: Instant
    public var severity: LogSeverity
    /// How often it was said until the message was closed.
    public var count: UInt64
    /// Printable, at most `WireLimits.logLineBytes`.
    public var text: String

    /// A line of any text: what a log must not hold is replaced, and what is too long is cut.
    public init(time: Instant, severity: LogSeverity, count: UInt64 = 1, saying text: String) {
        self.init(time: time, severity: severity, count: count, text: Self.printable(text))
    }

    init(time: Instant, severity: LogSeverity, count: UInt64, text: String) {
        self.time = time
        self.severity = severity
        self.count = count
        self.text = text
    }

    // MARK: Text

    /// The text as a line may hold it.
    private static func printable(_ text: String) -> String {
        var line = ""
        var room = WireLimits.logLineBytes
        for scalar in text.unicodeScalars {
            let shown = isPrintable(scalar) ? scalar : "?"
            room -= UTF8.width(shown)
            guard room >= 0 else { break }
            line.unicodeScalars.append(shown)
        }
        return line
    }

    /// False for what moves a terminal's cursor, breaks a line or turns the direction of writing.
    static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F: false
        case 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0x061C, 0xFEFF, 0xFFF9...0xFFFB: false
        default: true
        }
    }
}

extension DeviceLog: WireMessage {
    public static let byteLimit = WireLimits.logBytes

    private enum Key: UInt64, FieldKey {
        case boot = 1
        case sequence, dropped, lines
        static let message: StaticString = "log"
    }

    public var cbor: CBOR {
        .fields([
            Key.boot: .text(boot), .sequence: .unsigned(sequence), .dropped: .unsigned(dropped),
            .lines: .array(lines.map(\.cbor)),
        ])
    }

    public init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            boot: try fields.text(.boot, limit: CheckedNameLimits.length), sequence: try fields.unsigned(.sequence),
            dropped: try fields.unsigned(.dropped),
            lines: try fields.list(.lines, limit: WireLimits.logLines, of: LogLine.init(cbor:)))
        guard !lines.isEmpty else { throw WireError(.outOfRange, "log.lines: at least one") }
    }
}

extension LogLine {
    private enum Key: UInt64, FieldKey {
        case time = 1
        case severity, count, text
        static let message: StaticString = "logLine"
    }

    var cbor: CBOR {
        .fields([
            Key.time: .instant(time), .severity: .text(severity.rawValue), .count: .unsigned(count), .text: .text(text),
        ])
    }

    /// The text must be printable: people read it in a terminal.
    init(cbor: CBOR) throws(WireError) {
        let fields = try Fields<Key>(cbor)
        self.init(
            time: try fields.instant(.time), severity: try fields.choice(.severity), count: try fields.unsigned(.count),
            text: try fields.text(.text, limit: WireLimits.logLineBytes))
        guard count > 0 else { throw WireError(.outOfRange, "logLine.count: must be above 0") }
        guard text.unicodeScalars.allSatisfy(Self.isPrintable) else {
            throw WireError(.outOfRange, "logLine.text: holds characters that cannot be printed")
        }
    }
}
