import ArgumentParser
import Foundation
import VirtualFleet

/// Worlds in virtual time.
struct Explore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run simulated worlds from seeds and look for anything that must never happen.",
        discussion: """
            One world is twenty devices, three rollouts, a broker, the controller and five faults or more, all in \
            virtual time: power cuts, torn writes, partitions, a broker that forgets, hostile releases. Exits with 1 \
            and the shortest trace if something happened that must not.
            """)

    @Option(help: "Seeds to run, such as 0..<1000.") var seeds: String = "0..<100"
    @Option(help: "Show one seed's world step by step.") var replay: UInt64?
    @Flag(help: "Cut the power at every durable operation of an update, and again during the recovery.")
    var crashPoints = false
    @Option(help: "With --crash-points: take every n-th placement of the second cut.") var stride = 1
    @Option(help: "Plant a bug into every world: see --list-mutations.") var mutation: String?
    @Flag(help: "List the bugs that can be planted.") var listMutations = false
    @Option(help: "Run the worlds of a scenario's file instead.") var scenario: String?
    @Option(help: "Worlds at a time.") var workers = 2
    @Flag(help: "Print the summary as one line of JSON.") var json = false

    func run() async throws {
        if listMutations {
            for mutation in Mutation.allCases { Output.line("\(mutation.rawValue): \(mutation.summary)") }
            return
        }
        ProcessMemory.keepFreedPages()
        let explorer = try await explorer()
        if let replay { return try show(await explorer.replay(replay)) }
        let summary = crashPoints ? try await cut(explorer) : try await explore(explorer)
        Output.line(json ? summary.json : text(summary))
        guard let first = summary.failures.first else { return }
        // That a planted bug is seen is what counts; why is asked for without --json.
        if crashPoints || (json && mutation != nil) { list(first) } else { await explain(first, explorer) }
        throw ExitCode(1)
    }

    private func explorer() async throws -> Explorer {
        guard let scenario else { return try await Explorer(mutation: try planted()) }
        if crashPoints { throw ValidationError("--crash-points has a world of its own: leave --scenario out") }
        return Explorer(try await Scenario(file: scenario).prepared(), mutation: try planted())
    }

    private func planted() throws -> Mutation? {
        guard let mutation else { return nil }
        guard let known = Mutation(rawValue: mutation) else {
            throw ValidationError("no mutation '\(mutation)': see --list-mutations")
        }
        return known
    }

    private func explore(_ explorer: Explorer) async throws -> ExploreSummary {
        let range = try SeedRange(seeds).range
        return await explorer.explore(range, workers: workers, stopsAtFirst: mutation != nil) { done in
            if !json { Output.line("\(done) worlds") }
        }
    }

    private func cut(_ explorer: Explorer) async throws -> ExploreSummary {
        guard stride >= 1 else { throw ValidationError("--stride is 1 or more") }
        return await explorer.crashPoints(stride: stride, workers: workers) { done, all in
            if !json, done % 25 == 0 { Output.line("\(done) of \(all) first cuts") }
        }
    }

    // MARK: Output

    private func text(_ summary: ExploreSummary) -> String {
        let cuts = summary.crashPoints > 0 ? ", \(summary.crashPoints) placements of power cuts" : ""
        return """
            \(summary.seeds) worlds\(cuts), \(summary.violations) with a violation; \(summary.commits) installations, \
            \(summary.reports) reports, \(summary.samples) samples; \(Int(summary.worldsPerCPUMinute)) worlds a CPU \
            minute
            """
    }

    private func show(_ outcome: WorldOutcome) throws {
        for line in outcome.trace { Output.line(line) }
        list(outcome)
        Output.line(
            "seed \(outcome.seed): \(outcome.steps) steps, fingerprint \(String(outcome.fingerprint, radix: 16))")
        if !outcome.violations.isEmpty { throw ExitCode(1) }
    }

    private func list(_ outcome: WorldOutcome) {
        for violation in outcome.violations {
            Output.line(
                "violation: seed \(outcome.seed), step \(violation.step), \(Double(violation.time) / 1000) s, "
                    + "\(violation.device ?? "world"): \(violation.text)")
        }
    }

    /// The same failure with as few faults as it takes, and what the devices concerned did last.
    private func explain(_ failure: WorldOutcome, _ explorer: Explorer) async {
        list(failure)
        let (faults, outcome) = await explorer.shorten(failure.seed)
        Output.line("\(faults.count) faults are enough:")
        for fault in faults { Output.line("  \(Double(fault.time) / 1000) s \(fault.kind)") }
        let names = Set(outcome.violations.compactMap(\.device))
        let concerned = outcome.trace.filter { line in
            names.isEmpty || names.contains { line.contains("\($0)") } || line.contains("fault:")
        }
        for line in concerned.suffix(Self.traceLines) { Output.line("  \(line)") }
        list(outcome)
        Output.line("all of it: martlet-fleet explore --replay \(failure.seed)")
    }

    /// Lines of a shortest trace.
    private static let traceLines = 60
}

/// `A..<B` (or `A..B` with the same meaning, which a shell takes without quotes), or one seed.
struct SeedRange {
    let range: Range<UInt64>

    init(_ text: String) throws {
        let parts = text.replacingOccurrences(of: "..<", with: "..").components(separatedBy: "..")
        if parts.count == 1, let only = UInt64(text), only < .max {
            range = only..<only + 1
        } else if parts.count == 2, let first = UInt64(parts[0]), let end = UInt64(parts[1]), first < end {
            range = first..<end
        } else {
            throw ValidationError("--seeds '\(text)': write 0..<1000, or one seed")
        }
    }
}
