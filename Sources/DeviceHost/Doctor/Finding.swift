/// What `martlet-agent doctor` found out about one thing.
public struct Finding: Hashable, Sendable {
    /// How it stands, the best first.
    public enum Verdict: String, Hashable, Sendable, CaseIterable, Comparable {
        case ok
        /// It works, and may stop working.
        case warning
        /// The agent does not work, or not safely, until something is done.
        case problem

        public static func < (a: Verdict, b: Verdict) -> Bool { a.rank < b.rank }

        private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

        /// What the process ends with if this is the worst.
        public var exitStatus: Int32 {
            switch self {
            case .ok: 0
            case .warning: 2
            case .problem: 1
            }
        }
    }

    /// Stable name: `configuration`, `keys`, `certificate`, `clock`, `disk`, `database`, `images`, `memory`, `broker`.
    public var check: String
    public var verdict: Verdict
    /// What is the case.
    public var text: String
    /// What a person can do about it; empty if nothing is to be done.
    public var advice: String

    init(_ check: String, _ verdict: Verdict, _ text: String, advice: String = "") {
        self.check = check
        self.verdict = verdict
        self.text = text
        self.advice = advice
    }

    static func ok(_ check: String, _ text: String) -> Finding { Finding(check, .ok, text) }

    static func warning(_ check: String, _ text: String, advice: String) -> Finding {
        Finding(check, .warning, text, advice: advice)
    }

    static func problem(_ check: String, _ text: String, advice: String) -> Finding {
        Finding(check, .problem, text, advice: advice)
    }

    /// One or two lines for a terminal.
    var line: String {
        let pad = { (text: String, width: Int) in text + String(repeating: " ", count: max(1, width - text.count)) }
        let head = pad(verdict.rawValue, 9) + pad(check, 15) + text
        return advice.isEmpty ? head : "\(head)\n\(pad("", 24))to do: \(advice)"
    }
}

/// Everything that a doctor found.
public struct Diagnosis: Hashable, Sendable {
    public var findings: [Finding]

    /// The worst of the findings.
    public var verdict: Finding.Verdict { findings.map(\.verdict).max() ?? .ok }

    /// Lines for a terminal.
    public var text: String { findings.map(\.line).joined(separator: "\n") }

    /// One JSON object: `verdict` and `findings`, each with `check`, `verdict`, `text` and `advice`.
    public var json: String {
        let list = findings.map { finding in
            JSON.object([
                "check": .string(finding.check), "verdict": .string(finding.verdict.rawValue),
                "text": .string(finding.text), "advice": .string(finding.advice),
            ])
        }
        let whole = JSON.object(["verdict": .string(verdict.rawValue), "findings": .array(list)])
        return String(decoding: whole.encoded, as: UTF8.self)
    }
}
