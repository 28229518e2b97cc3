import DeviceHost
import Foundation
import FrameSource
import Testing

@testable import VirtualFleet

/// Scenarios as users write them. The examples' full runs are in `scripts/worlds`, in release.
@Suite(.serialized) struct ScenarioTests {
    private static let folder = "examples/scenarios"

    private static let small = """
        name: small
        duration: 30s
        fleet: [{group: cell, count: 2, tags: {side: left}}]
        releases: [{name: v1, builtin: sound}]
        rollouts: [{release: v1, at: 1s}]
        expect:
          - converged: {release: v1, within: 60s}
        """

    @Test("a scenario's expectations are judged, met and unmet")
    func judging() async throws {
        let more = """

              - converged: {release: v1, within: 1ms}
              - reports_stored: {at_least: 1000000}
            """
        let outcome = try await Scenario(yaml: Self.small + more).run(seed: 3)
        #expect(outcome.results.map(\.isMet) == [true, true, false, false])
        #expect(outcome.results[2].line == 8)
        #expect(!outcome.isPassed)
        let report = ScenarioReport([outcome])
        #expect(report.failed == 2)
        #expect(report.junit.contains(#"tests="4" failures="2""#))
        #expect(report.json.contains(#""passed":2,"failed":2"#))
        let document = try JSONSerialization.jsonObject(with: Data(report.json.utf8)) as? [String: Any]
        #expect((document?["runs"] as? [Any])?.count == 1)
    }

    @Test("the same seed gives the same run")
    func determinism() async throws {
        let prepared = try await Scenario(yaml: Self.small).prepared()
        let first = await prepared.run(seed: 5)
        let second = await prepared.run(seed: 5)
        #expect(first.fingerprint == second.fingerprint)
        #expect(await prepared.run(seed: 6).fingerprint != first.fingerprint)
    }

    @Test("every example can be read")
    func examples() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder).filter { $0.hasSuffix(".yaml") }
        #expect(files.count >= 6)
        for file in files { _ = try Scenario(file: "\(Self.folder)/\(file)") }
    }

    @Test(
        "a mistake is told with its line and what is allowed",
        arguments: [
            ("duration: 30s", "duration: soon", "scenario:line 2: duration: 'soon': write a time such as"),
            ("name: small", "nam: small", "scenario:line 1: nam: is not a known key, did you mean 'name'?"),
            ("count: 2", "count: 0", "scenario:line 3: fleet[0].count: 0 is out of range: 1 to 500"),
            ("builtin: sound", "builtin: fine", "'fine' is none of sound, broken"),
            ("builtin: sound", "model: no.onnx", "no.onnx cannot be read"),
            ("release: v1, at", "release: v2, at", "there is no release 'v2'; there is v1"),
            ("converged:", "convergence:", "an entry has one key of: converged, rolled_back"),
            ("within: 60s", "within: 25s, devices: '='", "is not a selector term"),
            ("at: 1s", "at: 31s", "a rollout begins after the duration of 30s"),
        ])
    func mistakes(text: String, replacement: String, expected: String) throws {
        let yaml = Self.small.replacingOccurrences(of: text, with: replacement)
        #expect(yaml != Self.small)
        let error = #expect(throws: ConfigurationError.self) { _ = try Scenario(yaml: yaml) }
        #expect("\(error.map { "\($0)" } ?? "")".contains(expected), "\(error.map { "\($0)" } ?? "")")
    }

    @Test("names in results cannot break the XML")
    func escaping() {
        #expect(XMLText.attribute("a<b & \"c\"\u{1}\n") == "a&lt;b &amp; &quot;c&quot; ")
        #expect(JSON.quoted("a\"\\\u{1}") == #""a\"\\\u0001""#)
    }

    @Test(
        "times are read and written", arguments: [("250ms", 250), ("30s", 30_000), ("10m", 600_000), ("2h", 7_200_000)])
    func times(text: String, milliseconds: Int64) {
        #expect(TimeText.milliseconds(text) == milliseconds)
        #expect(TimeText.text(milliseconds) == text)
        for wrong in ["", "s", "10", "1.5s", "-3s", "99999999999999999999s", "9223372036854775807h"] {
            #expect(TimeText.milliseconds(wrong) == nil)
        }
    }
}
