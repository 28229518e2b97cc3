import FleetModel
import Glibc

/// Runs worlds by the thousand, and finds the shortest way to whatever goes wrong.
public struct Explorer: Sendable {
    let fixture: Fixture
    let bugs: PlantedBugs
    private let scenario: PreparedScenario?

    /// Makes what all worlds begin with.
    ///
    /// - Parameter mutation: a bug that every world gets; nil for the product as it is.
    public init(mutation: Mutation? = nil) async throws {
        fixture = try await Fixture()
        bugs = mutation?.bug ?? []
        scenario = nil
    }

    /// Worlds of a scenario: an assertion that is not met counts as a violation.
    public init(_ scenario: PreparedScenario, mutation: Mutation? = nil) {
        self.init(fixture: scenario.fixture, bugs: mutation?.bug ?? [], scenario: scenario)
    }

    /// The same worlds with another bug, or with none.
    public func with(_ mutation: Mutation?) -> Explorer {
        Explorer(fixture: fixture, bugs: mutation?.bug ?? [], scenario: scenario)
    }

    private init(fixture: Fixture, bugs: PlantedBugs, scenario: PreparedScenario?) {
        self.scenario = scenario
        self.fixture = fixture
        self.bugs = bugs
    }

    // MARK: Many worlds

    /// Runs the worlds of these seeds, several at a time.
    ///
    /// - Parameters:
    ///   - workers: worlds at a time, 1...64.
    ///   - stopsAtFirst: whether the first world with a violation ends it.
    ///   - progress: told now and then how many worlds are done.
    public func explore(
        _ seeds: Range<UInt64>, workers: Int = 2, stopsAtFirst: Bool = false,
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) async -> ExploreSummary {
        var summary = ExploreSummary()
        let start = Self.cpuSeconds
        await withTaskGroup(of: WorldOutcome.self) { group in
            var next = seeds.lowerBound
            func add() {
                guard next < seeds.upperBound, !(stopsAtFirst && !summary.failures.isEmpty) else { return }
                let seed = next
                next += 1
                group.addTask { await self.outcome(seed, self.plan(seed)) }
            }
            for _ in 0..<max(1, min(workers, Self.workerLimit)) { add() }
            for await outcome in group {
                summary.add(outcome)
                if summary.seeds % 1000 == 0 { progress(summary.seeds) }
                add()
            }
        }
        summary.failures.sort { $0.seed < $1.seed }
        summary.cpuSeconds = Self.cpuSeconds - start
        return summary
    }

    /// Worlds at a time, at most.
    public static let workerLimit = 64

    // MARK: One world

    /// Runs one world and keeps its trace.
    public func replay(_ seed: UInt64) async -> WorldOutcome {
        await outcome(seed, plan(seed), keepsTrace: true)
    }

    /// Leaves out one fault after another as long as the world still goes wrong, and gives the trace of what is left.
    public func shorten(_ seed: UInt64) async -> (faults: [Fault], outcome: WorldOutcome) {
        var plan = plan(seed)
        var isShorter = true
        while isShorter {
            isShorter = false
            for index in plan.faults.indices.reversed() {
                var shorter = plan
                shorter.faults.remove(at: index)
                if !(await outcome(seed, shorter)).violations.isEmpty {
                    plan = shorter
                    isShorter = true
                }
            }
        }
        return (plan.faults, await outcome(seed, plan, keepsTrace: true))
    }

    private func plan(_ seed: UInt64) -> WorldPlan { scenario?.plan(seed: seed) ?? WorldPlan(seed: seed) }

    private func outcome(_ seed: UInt64, _ plan: WorldPlan, keepsTrace: Bool = false) async -> WorldOutcome {
        var outcome = await World(seed: seed, plan: plan, fixture: fixture, bugs: bugs, keepsTrace: keepsTrace).run()
        if let scenario { outcome.violations += scenario.misses(outcome) }
        return outcome
    }

    /// CPU time of this process so far.
    static var cpuSeconds: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let times = [usage.ru_utime, usage.ru_stime]
        return times.reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    }
}

/// What became of many worlds.
public struct ExploreSummary: Sendable {
    /// Worlds that were run.
    public var seeds = 0
    /// Worlds in which something happened that must not, without their traces.
    public var failures: [WorldOutcome] = []
    public var reports = 0
    /// Of the world that had the fewest.
    public var fewestReports = Int.max
    public var samples = 0
    public var commits = 0
    /// Placements of power cuts, in a run over crash points.
    public var crashPoints = 0
    public var cpuSeconds = 0.0

    public init() {}

    mutating func add(_ outcome: WorldOutcome) {
        seeds += 1
        reports += outcome.reports
        fewestReports = min(fewestReports, outcome.reports)
        samples += outcome.samples
        commits += outcome.commits
        if !outcome.violations.isEmpty, failures.count < Self.failureLimit { failures.append(outcome) }
        if !outcome.violations.isEmpty { violations += 1 }
    }

    /// Worlds with a violation.
    public var violations = 0
    /// Failed worlds that are kept.
    static let failureLimit = 20

    public var worldsPerCPUMinute: Double { cpuSeconds > 0 ? Double(seeds) * 60 / cpuSeconds : 0 }

    /// One line of JSON, for scripts.
    public var json: String {
        let list = failures.map(\.seed).map(String.init).joined(separator: ",")
        return """
            {"seeds":\(seeds),"violations":\(violations),"worlds_per_cpu_minute":\(Int(worldsPerCPUMinute)),\
            "crash_points":\(crashPoints),"reports":\(reports),"fewest_reports":\(seeds > 0 ? fewestReports : 0),\
            "samples":\(samples),"commits":\(commits),\
            "cpu_seconds":\(Int(cpuSeconds)),"failed_seeds":[\(list)]}
            """
    }
}
