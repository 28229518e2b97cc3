public import FleetModel

/// One assertion about how a scenario ends.
public struct Expectation: Sendable {
    /// What is asserted. A selector picks the devices that are meant; times are milliseconds.
    public enum Claim: Sendable {
        /// These devices have committed the release this long after its rollout began.
        case converged(ReleaseName, within: Int64, Selector, share: Double)
        /// At least so many of these devices gave the release up by themselves and do not run it at the end.
        case rolledBack(ReleaseName, Selector, atLeast: Int)
        /// The newest rollout of the release ends in this state.
        case rollout(ReleaseName, RolloutState)
        /// All of these devices serve the release at the end.
        case serves(ReleaseName, Selector)
        /// So many alerts of the kind were opened about these devices, or about anything without a selector.
        case alerts(kind: String, Selector?, atLeast: Int, atMost: Int)
        /// The controller holds so many reports.
        case reportsStored(atLeast: Int)
        /// The controller holds so many samples.
        case samplesStored(atLeast: Int)
        /// What the broker sent to each of these devices, in bytes of payload.
        case bytesPerDevice(atMost: Int, Selector)
    }

    /// What is asserted.
    public var claim: Claim
    /// Its line in the file, or 0.
    public var line: Int

    /// An assertion, with its line if it stands in a file.
    public init(_ claim: Claim, line: Int = 0) {
        self.claim = claim
        self.line = line
    }
}

extension Expectation: CustomStringConvertible {
    /// The assertion in words, as a test's name.
    public var description: String {
        switch claim {
        case .converged(let release, let within, let devices, let share):
            "\(percent(share)) of \(devices) run \(release) within \(TimeText.text(within))"
        case .rolledBack(let release, let devices, let count): "at least \(count) of \(devices) give \(release) up"
        case .rollout(let release, let state): "the rollout of \(release) is \(state.rawValue)"
        case .serves(let release, let devices): "\(devices) serve \(release) at the end"
        case .alerts(let kind, let devices, let least, let most):
            "\(range(least, most)) \(kind) alerts\(devices.map { " about \($0)" } ?? "")"
        case .reportsStored(let count): "at least \(count) reports are stored"
        case .samplesStored(let count): "at least \(count) samples are stored"
        case .bytesPerDevice(let bytes, let devices): "at most \(bytes) bytes go to each of \(devices)"
        }
    }

    private func percent(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }

    private func range(_ least: Int, _ most: Int) -> String {
        most == .max ? "at least \(least)" : "\(least) to \(most)"
    }
}

/// What became of an assertion.
public struct ExpectationResult: Sendable, CustomStringConvertible {
    /// The assertion in words.
    public var name: String
    /// Whether it holds.
    public var isMet: Bool
    /// What was seen.
    public var seen: String
    /// The assertion's line in the file, or 0.
    public var line: Int

    public var description: String { "\(isMet ? "met" : "NOT MET"): \(name); seen: \(seen)" }
}

/// Milliseconds as people write them.
enum TimeText {
    static func text(_ milliseconds: Int64) -> String {
        let units: [(Int64, String)] = [(3_600_000, "h"), (60_000, "m"), (1000, "s")]
        for (size, name) in units where milliseconds >= size && milliseconds % size == 0 {
            return "\(milliseconds / size)\(name)"
        }
        return milliseconds >= 1000 ? "\(Double(milliseconds / 100) / 10)s" : "\(milliseconds)ms"
    }

    /// `90s`, `10m`, `2h`, `250ms`; nil for anything else.
    static func milliseconds(_ text: String) -> Int64? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let units: [Substring: Int64] = ["ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
        guard let number = Int64(digits), let unit = units[text.dropFirst(digits.count)] else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit)
        return overflow ? nil : product
    }
}
