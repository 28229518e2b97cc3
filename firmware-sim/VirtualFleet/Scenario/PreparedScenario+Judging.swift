import FleetModel

/// Assertions against what happened.
extension PreparedScenario {
    func judge(_ outcome: WorldOutcome, seed: UInt64, cpuSeconds: Double) -> ScenarioOutcome {
        let safety = ExpectationResult(
            name: "nothing happens that must never happen", isMet: outcome.violations.isEmpty,
            seen: outcome.violations.first.map { "\($0.device ?? "world"): \($0.text)" } ?? "nothing of it", line: 0)
        let chronicle = outcome.chronicle ?? Chronicle()
        let results = scenario.expectations.map { expectation in
            let (isMet, seen) = judge(expectation.claim, chronicle)
            return ExpectationResult(name: "\(expectation)", isMet: isMet, seen: seen, line: expectation.line)
        }
        return ScenarioOutcome(
            scenario: scenario.name, seed: seed, results: [safety] + results, violations: outcome.violations,
            time: outcome.time, reports: outcome.reports, samples: outcome.samples, cpuSeconds: cpuSeconds,
            fingerprint: outcome.fingerprint)
    }

    /// Assertions that are not met, as violations: for an exploration, which knows nothing else.
    func misses(_ outcome: WorldOutcome) -> [Violation] {
        judge(outcome, seed: outcome.seed, cpuSeconds: 0).results.dropFirst().filter { !$0.isMet }.map {
            Violation(
                step: outcome.steps, time: outcome.time, device: nil, text: "expected: \($0.name); seen: \($0.seen)")
        }
    }

    private func judge(_ claim: Expectation.Claim, _ chronicle: Chronicle) -> (Bool, String) {
        switch claim {
        case .converged(let release, let within, let selector, let share):
            converged(release, within, devices(selector), share, chronicle)
        case .rolledBack(let release, let selector, let least):
            rolledBack(release, devices(selector), least, chronicle)
        case .rollout(let release, let state):
            (
                chronicle.rollouts[release.text] == state.rawValue,
                chronicle.rollouts[release.text] ?? "no rollout of it"
            )
        case .serves(let release, let selector): serves(release, devices(selector), chronicle)
        case .alerts(let kind, let selector, let least, let most):
            alerts(kind, selector.map { Set(devices($0).map(name)) }, least...max(least, most), chronicle)
        case .reportsStored(let least): (chronicle.reportsStored >= least, "\(chronicle.reportsStored) reports")
        case .samplesStored(let least): (chronicle.samplesStored >= least, "\(chronicle.samplesStored) samples")
        case .bytesPerDevice(let most, let selector): bytes(most, devices(selector), chronicle)
        }
    }

    private func digest(_ release: ReleaseName) -> Digest? { fixture.releases[release.text]?.digest }

    private func converged(
        _ release: ReleaseName, _ within: Int64, _ meant: [Int], _ share: Double, _ chronicle: Chronicle
    ) -> (Bool, String) {
        guard let digest = digest(release), let start = chronicle.started[release.text] else {
            return (false, "its rollout never began")
        }
        let times = meant.compactMap { chronicle.committed[digest]?[$0] }.map { $0 - start }.sorted()
        let inTime = times.filter { $0 <= within }.count
        let needed = Int((share * Double(meant.count)).rounded(.up))
        var seen = "\(inTime) of \(meant.count)"
        if let last = times.last { seen += ", the last after \(TimeText.text(last))" }
        let late = meant.filter { chronicle.committed[digest]?[$0] == nil }
        if let first = late.first {
            seen += "; never: \(name(of: first))\(late.count > 1 ? " and \(late.count - 1) more" : "")"
            seen += chronicle.refused[digest]?[first].map { " (\($0))" } ?? ""
        }
        return (!meant.isEmpty && inTime >= needed, seen)
    }

    private func rolledBack(
        _ release: ReleaseName, _ meant: [Int], _ least: Int, _ chronicle: Chronicle
    ) -> (Bool, String) {
        guard let digest = digest(release) else { return (false, "no such release") }
        let refused = meant.filter { chronicle.refused[digest]?[$0] != nil && chronicle.serving[$0] != digest }
        let why = refused.first.flatMap { chronicle.refused[digest]?[$0] } ?? "no device"
        return (refused.count >= least, "\(refused.count) devices (\(why))")
    }

    private func serves(_ release: ReleaseName, _ meant: [Int], _ chronicle: Chronicle) -> (Bool, String) {
        let others = meant.filter { chronicle.serving[$0] == nil || chronicle.serving[$0] != digest(release) }
        guard let first = others.first else { return (!meant.isEmpty, "\(meant.count) devices") }
        let instead =
            chronicle.serving[first].flatMap { digest in fixture.releases.values.first { $0.digest == digest } }
        return (
            false, "\(others.count) do not; \(name(of: first)) serves \(instead?.name.text ?? "nothing")"
        )
    }

    private func alerts(
        _ kind: String, _ subjects: Set<String>?, _ range: ClosedRange<Int>, _ chronicle: Chronicle
    ) -> (Bool, String) {
        let found = chronicle.alerts.filter { alert in
            alert.kind == kind && subjects?.contains(alert.subject) ?? true
        }
        let example = found.first.map { ", such as '\($0.title)'" } ?? ""
        return (range.contains(found.count), "\(found.count)\(example)")
    }

    private func bytes(_ most: Int, _ meant: [Int], _ chronicle: Chronicle) -> (Bool, String) {
        let worst = meant.max { chronicle.bytes(to: $0) < chronicle.bytes(to: $1) }
        guard let worst else { return (false, "no device is meant") }
        let bytes = chronicle.bytes(to: worst)
        return (bytes <= most, "\(bytes) bytes to \(name(of: worst))")
    }
}
