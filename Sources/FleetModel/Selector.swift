/// Chooses devices by their tags: `side=L,subject!=8` (all terms must hold); `*` or an empty text means all.
public struct Selector: Hashable, Sendable, CustomStringConvertible {
    /// One condition on a tag.
    public struct Term: Hashable, Sendable {
        public var key: String
        public var isEqual: Bool
        /// Any of these, separated by `|` in the text form.
        public var values: [String]

        public init(key: String, isEqual: Bool, values: [String]) {
            self.key = key
            self.isEqual = isEqual
            self.values = values
        }
    }

    /// Why a selector text was refused.
    public struct ParseError: Error, Hashable, Sendable, CustomStringConvertible {
        public let term: String
        public var description: String {
            "'\(term)' is not a selector term: write key=value, key!=value or key=a|b, joined by commas"
        }
    }

    /// The most terms in a selector.
    public static let termLimit = 32

    public var terms: [Term]

    public init(terms: [Term] = []) { self.terms = terms }

    /// All devices.
    public static let all = Selector()

    /// Reads the text form. The key `id` stands for the device id itself.
    public init(_ text: String) throws(ParseError) {
        guard text != "*", !text.isEmpty else {
            self.init()
            return
        }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count <= Self.termLimit else { throw ParseError(term: "more than \(Self.termLimit) terms") }
        var terms: [Term] = []
        for part in parts {
            guard let equals = part.firstIndex(of: "=") else { throw ParseError(term: String(part)) }
            var key = part[..<equals]
            let isEqual = key.last != "!"
            if !isEqual { key = key.dropLast() }
            let values = part[part.index(after: equals)...].split(separator: "|").map(String.init)
            guard !key.isEmpty, !values.isEmpty else { throw ParseError(term: String(part)) }
            terms.append(Term(key: String(key), isEqual: isEqual, values: values))
        }
        self.init(terms: terms)
    }

    public func matches(_ device: DeviceID, tags: [String: String]) -> Bool {
        terms.allSatisfy { term in
            let value = term.key == "id" ? device.text : tags[term.key]
            return value.map(term.values.contains) ?? false == term.isEqual
        }
    }

    public var description: String {
        guard !terms.isEmpty else { return "*" }
        return terms.map { "\($0.key)\($0.isEqual ? "=" : "!=")\($0.values.joined(separator: "|"))" }
            .joined(separator: ",")
    }
}
