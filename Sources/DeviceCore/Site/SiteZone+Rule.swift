/// Reading a rule such as `CET-1CEST,M3.5.0,M10.5.0/3`.
extension SiteZone {
    /// Longest rule, in bytes.
    static let ruleBytes = 128

    /// Reads a POSIX time zone rule; nil for anything else. A rule that names summer time and not when it is takes the
    /// days of the United States, as the C library does.
    public init?(posix text: String) {
        guard text.utf8.count <= Self.ruleBytes else { return nil }
        var reader = RuleReader(text)
        guard reader.name(), let standard = reader.offset() else { return nil }
        standardOffset = -standard
        guard !reader.isAtEnd else {
            summer = nil
            return
        }
        guard reader.name() else { return nil }
        var summerOffset = standardOffset + 3600
        if !reader.isAtEnd, !reader.isAt(",") {
            guard let given = reader.offset() else { return nil }
            summerOffset = -given
        }
        if reader.isAtEnd { reader = RuleReader(",M3.2.0,M11.1.0") }
        guard reader.skip(","), let start = reader.change(), reader.skip(","), let end = reader.change(), reader.isAtEnd
        else { return nil }
        summer = Summer(offset: summerOffset, start: start, end: end)
    }
}

/// Reads the pieces of a rule from left to right.
private struct RuleReader {
    private var rest: Substring.UTF8View

    init(_ text: String) { rest = Substring(text).utf8 }

    var isAtEnd: Bool { rest.isEmpty }
    func isAt(_ character: Unicode.Scalar) -> Bool { rest.first == UInt8(ascii: character) }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard isAt(character) else { return false }
        rest.removeFirst()
        return true
    }

    /// At least three letters, or `<` at least three of letters, digits, + and - `>`.
    mutating func name() -> Bool {
        let isQuoted = skip("<")
        let length = rest.prefix { byte in
            Unicode.Scalar(byte).properties.isAlphabetic && byte < 0x80
                || isQuoted && (Self.isDigit(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-"))
        }.count
        rest.removeFirst(length)
        return length >= 3 && (!isQuoted || skip(">"))
    }

    /// `[+-]hh[:mm[:ss]]` in seconds, up to a week as RFC 9636 allows.
    mutating func offset(largestHour: Int = 24) -> Int? {
        let isNegative = skip("-")
        if !isNegative { _ = skip("+") }
        guard let hours = number(0...largestHour) else { return nil }
        var seconds = hours * 3600
        for scale in [60, 1] where skip(":") {
            guard let part = number(0...59) else { return nil }
            seconds += part * scale
        }
        return isNegative ? -seconds : seconds
    }

    /// A day, and `/time` if it is not two in the morning.
    mutating func change() -> SiteZone.Change? {
        guard let day = day() else { return nil }
        guard skip("/") else { return SiteZone.Change(day: day, seconds: 2 * 3600) }
        return offset(largestHour: 167).map { SiteZone.Change(day: day, seconds: $0) }
    }

    private mutating func day() -> SiteZone.Day? {
        if skip("J") { return number(1...365).map(SiteZone.Day.julian) }
        guard skip("M") else { return number(0...365).map(SiteZone.Day.ordinal) }
        guard let month = number(1...12), skip("."), let week = number(1...5), skip("."), let day = number(0...6) else {
            return nil
        }
        return .weekday(month: month, week: week, day: day)
    }

    private mutating func number(_ range: ClosedRange<Int>) -> Int? {
        let digits = rest.prefix(while: Self.isDigit)
        guard (1...3).contains(digits.count), let number = Int(Substring(digits)), range.contains(number) else {
            return nil
        }
        rest.removeFirst(digits.count)
        return number
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
