import FleetModel

/// Times as text: `2026-11-21T23:14:42.000Z`, always UTC. The calendar is the proleptic Gregorian one; the algorithm is
/// Howard Hinnant's `days_from_civil` (https://howardhinnant.github.io/date_algorithms.html).
enum ISO8601 {
    /// A point in time taken apart, UTC.
    struct Parts: Hashable, Sendable {
        var year, month, day, hour, minute, second, millisecond: Int
    }

    /// Text with milliseconds.
    static func text(_ instant: Instant) -> String {
        let parts = parts(instant)
        return "\(date(parts))T\(clock(parts)).\(pad(parts.millisecond, 3))Z"
    }

    /// Text for people: `2026-11-21 23:14:42 UTC`.
    static func readable(_ instant: Instant) -> String {
        let parts = parts(instant)
        return "\(date(parts)) \(clock(parts)) UTC"
    }

    /// Reads a time in UTC, with or without a fraction of a second; nil for anything else.
    static func instant(_ text: String) -> Instant? {
        guard text.utf8.count >= 20, text.utf8.count <= 32, text.hasSuffix("Z") else { return nil }
        let body = text.dropLast()
        let halves = body.split(separator: "T", omittingEmptySubsequences: false)
        guard halves.count == 2 else { return nil }
        let seconds = halves[1].split(separator: ".", omittingEmptySubsequences: false)
        guard seconds.count <= 2,
            let date = numbers(halves[0], separator: "-", widths: [4, 2, 2]),
            let clock = numbers(seconds[0], separator: ":", widths: [2, 2, 2]),
            (1...12).contains(date[1]), (1...31).contains(date[2]), clock[0] < 24, clock[1] < 60, clock[2] < 60
        else { return nil }
        var milliseconds = 0
        if seconds.count == 2 {
            let digits = seconds[1].prefix(3)
            guard seconds[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), var value = Int(digits) else {
                return nil
            }
            for _ in digits.count..<3 { value *= 10 }
            milliseconds = value
        }
        let days = daysFromCivil(year: date[0], month: date[1], day: date[2])
        let total = ((days * 24 + clock[0]) * 60 + clock[1]) * 60 + clock[2]
        return Instant(milliseconds: Int64(total) * 1000 + Int64(milliseconds))
    }

    static func parts(_ instant: Instant) -> Parts {
        let total = instant.milliseconds
        let day = Int((Double(total) / 86_400_000).rounded(.down))
        var rest = Int(total - Int64(day) * 86_400_000)
        let (year, month, dayOfMonth) = civil(days: day)
        let millisecond = rest % 1000
        rest /= 1000
        return Parts(
            year: year, month: month, day: dayOfMonth, hour: rest / 3600, minute: rest / 60 % 60, second: rest % 60,
            millisecond: millisecond)
    }

    private static func date(_ parts: Parts) -> String {
        "\(pad(parts.year, 4))-\(pad(parts.month, 2))-\(pad(parts.day, 2))"
    }

    private static func clock(_ parts: Parts) -> String {
        "\(pad(parts.hour, 2)):\(pad(parts.minute, 2)):\(pad(parts.second, 2))"
    }

    static func pad(_ value: Int, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }

    private static func numbers(_ text: Substring, separator: Character, widths: [Int]) -> [Int]? {
        let parts = text.split(separator: separator, omittingEmptySubsequences: false)
        guard parts.count == widths.count else { return nil }
        var values: [Int] = []
        for (part, width) in zip(parts, widths) {
            guard part.utf8.count == width, part.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int(part)
            else { return nil }
            values.append(value)
        }
        return values
    }

    private static func daysFromCivil(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthIndex + 2) / 5 + 1
        let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}
