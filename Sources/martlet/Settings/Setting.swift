import FrameSource

/// One key of the controller's configuration: its type, range, default and meaning.
///
/// The table of settings is the single source for checking a file, for the environment's names, for
/// `martlet config list` and for the sample configuration's test.
struct Setting: Sendable {
    enum Kind: Sendable {
        case text
        case path
        case choice([String])
        case integer(ClosedRange<Int>)
        case number(ClosedRange<Double>)
        /// Texts, separated by commas on the command line and in the environment.
        case list
    }

    /// Dotted name, such as `http.port`.
    let name: String
    let kind: Kind
    let defaultText: String
    let isSecret: Bool
    /// What it is, with its unit.
    let meaning: String

    init(_ name: String, _ kind: Kind, default defaultText: String, secret: Bool = false, _ meaning: String) {
        self.name = name
        self.kind = kind
        self.defaultText = defaultText
        self.isSecret = secret
        self.meaning = meaning
    }

    /// The environment variable: `MARTLET_HTTP_PORT` for `http.port`.
    var environmentName: String {
        "MARTLET_" + name.uppercased().map { $0 == "." ? "_" : String($0) }.joined()
    }

    /// What is wrong with a value, or nil.
    func problem(with text: String) -> String? {
        switch kind {
        case .text, .path, .list: return nil
        case .choice(let allowed):
            return allowed.contains(text) ? nil : "'\(text)' is none of \(allowed.joined(separator: ", "))"
        case .integer(let range):
            guard let value = Int(text) else { return "'\(text)' is not a whole number" }
            return range.contains(value) ? nil : "\(value) is out of range: \(range.lowerBound) to \(range.upperBound)"
        case .number(let range):
            guard let value = Double(text), value.isFinite else { return "'\(text)' is not a number" }
            return range.contains(value) ? nil : "\(value) is out of range: \(range.lowerBound) to \(range.upperBound)"
        }
    }

    /// The type in words, with its range.
    var kindText: String {
        switch kind {
        case .text: "text"
        case .path: "path"
        case .choice(let allowed): allowed.joined(separator: " | ")
        case .integer(let range): "whole number, \(range.lowerBound) to \(range.upperBound)"
        case .number(let range): "number, \(range.lowerBound) to \(range.upperBound)"
        case .list: "list of texts"
        }
    }

    /// Checks this key's entry in a file; `section` is the mapping that holds its last part.
    func check(in section: YAMLSection, key: String) {
        switch kind {
        case .text, .path: _ = section.string(key)
        case .choice(let allowed): _ = section.string(key, oneOf: allowed)
        case .integer(let range): _ = section.integer(key, in: range)
        case .number(let range): _ = section.number(key, in: range)
        case .list: _ = section.strings(key)
        }
    }
}
