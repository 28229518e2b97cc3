import DeviceHost

/// What became of a scenario with one seed.
public struct ScenarioOutcome: Sendable {
    /// The scenario's name.
    public var scenario: String
    /// What decided everything that was left to chance.
    public var seed: UInt64
    /// First that nothing forbidden happened, then every assertion of the scenario, in its order.
    public var results: [ExpectationResult]
    /// What happened that must never happen.
    public var violations: [Violation]
    /// Milliseconds that the world lasted.
    public var time: Int64
    /// Reports that devices sent, each counted once.
    public var reports: Int
    /// Samples that devices sent, each counted once.
    public var samples: Int
    /// CPU time of this process while it ran, in seconds.
    public var cpuSeconds: Double
    /// Equal for equal runs.
    public var fingerprint: UInt64

    /// Assertions that do not hold.
    public var failures: [ExpectationResult] { results.filter { !$0.isMet } }
    /// Whether all assertions hold.
    public var isPassed: Bool { failures.isEmpty }
}

/// What became of a scenario with several seeds.
public struct ScenarioReport: Sendable {
    /// One for each seed.
    public var outcomes: [ScenarioOutcome]

    /// A report of these runs.
    public init(_ outcomes: [ScenarioOutcome]) { self.outcomes = outcomes }

    /// Assertions that hold, of all runs together.
    public var passed: Int { outcomes.reduce(0) { $0 + $1.results.count - $1.failures.count } }
    /// Assertions that do not, of all runs together.
    public var failed: Int { outcomes.reduce(0) { $0 + $1.failures.count } }

    /// JUnit XML as CI systems read it: a suite for each seed, a case for each assertion.
    public var junit: String {
        var lines = [#"<?xml version="1.0" encoding="UTF-8"?>"#]
        lines.append(#"<testsuites tests="\#(passed + failed)" failures="\#(failed)">"#)
        for outcome in outcomes {
            let name = XMLText.attribute("\(outcome.scenario), seed \(outcome.seed)")
            lines.append(
                #"  <testsuite name="\#(name)" tests="\#(outcome.results.count)" "#
                    + #"failures="\#(outcome.failures.count)" time="\#(seconds(outcome))">"#)
            for result in outcome.results { lines += testCase(result, of: outcome) }
            lines.append("  </testsuite>")
        }
        lines.append("</testsuites>")
        return lines.joined(separator: "\n") + "\n"
    }

    private func testCase(_ result: ExpectationResult, of outcome: ScenarioOutcome) -> [String] {
        let opening =
            #"    <testcase classname="\#(XMLText.attribute(outcome.scenario))" "#
            + #"name="\#(XMLText.attribute(result.name))""#
        guard !result.isMet else { return [opening + "/>"] }
        return [
            opening + ">", #"      <failure message="\#(XMLText.attribute(result.seen))"/>"#, "    </testcase>",
        ]
    }

    private func seconds(_ outcome: ScenarioOutcome) -> Double { (outcome.cpuSeconds * 1000).rounded() / 1000 }

    /// One line of JSON.
    public var json: String {
        let runs = outcomes.map { outcome in
            let results = outcome.results.map {
                #"{"name":\#(JSON.quoted($0.name)),"met":\#($0.isMet),"seen":\#(JSON.quoted($0.seen)),"#
                    + #""line":\#($0.line)}"#
            }
            return """
                {"seed":\(outcome.seed),"passed":\(outcome.isPassed),"results":[\(results.joined(separator: ","))],\
                "virtual_seconds":\(outcome.time / 1000),"cpu_seconds":\(seconds(outcome)),\
                "reports":\(outcome.reports),"samples":\(outcome.samples)}
                """
        }
        let name = JSON.quoted(outcomes.first?.scenario ?? "")
        return
            #"{"scenario":\#(name),"passed":\#(passed),"failed":\#(failed),"runs":[\#(runs.joined(separator: ","))]}"#
    }
}

/// Text inside of an XML attribute (XML 1.0, 2.3): what may not stand there is escaped or left out.
enum XMLText {
    static func attribute(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "\n", "\t": escaped += " "
            default: if scalar.value >= 0x20, scalar.value < 0xfffe { escaped.unicodeScalars.append(scalar) }
            }
        }
        return escaped
    }
}
