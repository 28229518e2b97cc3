import FleetModel
import FleetStore

/// Numbers and times as people read them: with units, thousands apart, never more digits than mean something.
enum Format {
    /// `12,345`.
    static func count(_ value: some BinaryInteger) -> String {
        let digits = String(value.magnitude)
        var groups: [Substring] = []
        var rest = digits[...]
        while rest.count > 3 {
            groups.insert(rest.suffix(3), at: 0)
            rest = rest.dropLast(3)
        }
        groups.insert(rest, at: 0)
        return (value < 0 ? "−" : "") + groups.joined(separator: ",")
    }

    /// `1 device`, `12 devices`.
    static func count(_ value: some BinaryInteger, _ singular: String, _ plural: String? = nil) -> String {
        "\(count(value)) \(value == 1 ? singular : plural ?? singular + "s")"
    }

    /// Exactly so many decimals.
    static func decimal(_ value: Double, _ places: Int) -> String {
        guard value.isFinite else { return "–" }
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let scaled = (value.magnitude * scale).rounded()
        guard scaled < 9e15 else { return String(value) }
        let whole = Int64(scaled)
        let sign = value < 0 && whole != 0 ? "−" : ""
        guard places > 0 else { return sign + count(whole) }
        let divisor = Int64(scale)
        return "\(sign)\(count(whole / divisor)).\(ISO8601.pad(Int(whole % divisor), places))"
    }

    /// A share as `92.4 %`.
    static func percent(_ share: Double, _ places: Int = 1) -> String { "\(decimal(share * 100, places)) %" }

    /// A code such as `proofFailed` as words: `proof failed`.
    static func words(_ code: String) -> String {
        code.reduce(into: "") { text, character in
            text += character.isUppercase ? " \(character.lowercased())" : String(character)
        }
    }

    /// `1.2 MiB`.
    static func bytes(_ count: Int) -> String {
        var value = Double(count)
        for unit in ["B", "KiB", "MiB", "GiB"] {
            if value < 1024 || unit == "GiB" { return "\(decimal(value, unit == "B" ? 0 : 1)) \(unit)" }
            value /= 1024
        }
        return ""
    }

    /// A duration from microseconds: `85 µs`, `1.25 ms`, `2.1 s`.
    static func microseconds(_ value: Double) -> String {
        switch value {
        case ..<1000: "\(decimal(value, 0)) µs"
        case ..<1_000_000: "\(decimal(value / 1000, 2)) ms"
        default: "\(decimal(value / 1_000_000, 1)) s"
        }
    }

    /// `45 s`, `12 min`, `3 h 10 min`, `2 d`.
    static func interval(_ interval: Interval) -> String {
        let seconds = interval.milliseconds.magnitude / 1000
        switch seconds {
        case ..<60: return "\(seconds) s"
        case ..<3600:
            return seconds % 60 == 0 || seconds > 600 ? "\(seconds / 60) min" : "\(seconds / 60) min \(seconds % 60) s"
        case ..<86_400:
            return seconds / 60 % 60 == 0 ? "\(seconds / 3600) h" : "\(seconds / 3600) h \(seconds / 60 % 60) min"
        default: return "\(seconds / 86_400) d"
        }
    }

    /// `just now`, `3 min ago`, `in 2 h`: the same words as console.js.
    static func relative(_ instant: Instant, to now: Instant) -> String {
        let difference = now.since(instant).milliseconds
        let seconds = (difference.magnitude + 500) / 1000
        guard seconds >= 5 else { return "just now" }
        let text: String =
            switch seconds {
            case ..<60: "\(seconds) s"
            case ..<3600: "\(seconds / 60) min"
            case ..<86_400: "\(seconds / 3600) h"
            default: "\(seconds / 86_400) d"
            }
        return difference >= 0 ? "\(text) ago" : "in \(text)"
    }
}

extension String {
    /// With a large first letter.
    var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}

/// Text that may stand in HTML and SVG.
enum HTML {
    static func escape(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.append(character)
            }
        }
        return escaped
    }
}
