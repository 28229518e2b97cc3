import ArgumentParser
import Foundation
import VirtualFleet

/// A scenario's file, as a test.
struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put a fleet and a release through a scenario and check what it expects.",
        discussion: """
            A scenario is a YAML file: a fleet, its sensors, releases, rollouts, faults and expectations \
            (docs/scenarios.md, examples/scenarios). It runs in virtual time, with the real agent, controller and \
            runtime. Exits with 1 if an expectation is not met and with 2 if the file cannot be read.
            """)

    @Argument(help: "The scenario's file.") var scenario: String
    @Option(help: "The seed of everything that is left to chance (default: the scenario's).") var seed: UInt64?
    @Option(help: "Several seeds, such as 0..<20.") var seeds: String?
    @Option(help: "Write the results as JUnit XML to this file.") var junit: String?
    @Flag(help: "Print one line of JSON.") var json = false

    func run() async throws {
        if seed != nil, seeds != nil { throw ValidationError("--seed and --seeds exclude each other") }
        let range = try seeds.map { try SeedRange($0).range }
        ProcessMemory.keepFreedPages()
        let prepared = try await prepare()
        let first = seed ?? prepared.scenario.seed
        var outcomes: [ScenarioOutcome] = []
        for seed in range.map(Array.init) ?? [first] {
            let outcome = await prepared.run(seed: seed)
            if !json { show(outcome) }
            outcomes.append(outcome)
        }
        let report = ScenarioReport(outcomes)
        if let junit { try Data(report.junit.utf8).write(to: URL(fileURLWithPath: junit)) }
        Output.line(json ? report.json : "\(report.passed) passed, \(report.failed) failed")
        if report.failed > 0 { throw ExitCode(1) }
    }

    private func prepare() async throws -> PreparedScenario {
        do { return try await Scenario(file: scenario).prepared() } catch {
            FileHandle.standardError.write(Data("\(error)\n".utf8))
            throw ExitCode(2)
        }
    }

    private func show(_ outcome: ScenarioOutcome) {
        Output.line("\(outcome.scenario), seed \(outcome.seed): \(outcome.time / 1000) s of virtual time")
        for result in outcome.results {
            let line = result.line > 0 ? " (line \(result.line))" : ""
            Output.line("  \(result.isMet ? "ok" : "FAILED"): \(result.name); seen: \(result.seen)\(line)")
        }
    }
}
