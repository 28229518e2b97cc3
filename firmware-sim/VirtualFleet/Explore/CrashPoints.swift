import FleetModel

/// Cuts the power of a device at every durable operation of an update, one by one, and again at every operation of the
/// recovery that follows.
extension Explorer {
    /// Runs every placement of one cut, and of a second one after it.
    ///
    /// - Parameters:
    ///   - stride: of the second cut's placements: 1 takes all of them, a greater number every n-th, for a quick look.
    ///   - progress: told how many placements of the first cut are done, and how many there are.
    public func crashPoints(
        seed: UInt64 = 1, stride step: Int = 1, workers: Int = 2,
        progress: @escaping @Sendable (Int, Int) -> Void = { _, _ in }
    ) async -> ExploreSummary {
        let start = Self.cpuSeconds
        var summary = ExploreSummary()
        let whole = await crashWorld(seed, []).run()
        summary.add(whole)
        guard whole.violations.isEmpty, let first = whole.updateOperations else { return summary }
        await withTaskGroup(of: [WorldOutcome].self) { group in
            var waiting = Array(first)
            var done = 0
            for _ in 0..<max(1, min(workers, Self.workerLimit)) where !waiting.isEmpty {
                let cut = waiting.removeFirst()
                group.addTask { await self.secondCuts(seed, after: cut, stride: step) }
            }
            for await outcomes in group {
                for outcome in outcomes { summary.add(outcome) }
                summary.crashPoints += outcomes.count
                done += 1
                progress(done, first.count)
                guard !waiting.isEmpty else { continue }
                let cut = waiting.removeFirst()
                group.addTask { await self.secondCuts(seed, after: cut, stride: step) }
            }
        }
        summary.cpuSeconds = Self.cpuSeconds - start
        return summary
    }

    /// The world with one cut, and all worlds with a second one.
    private func secondCuts(_ seed: UInt64, after cut: Int, stride step: Int) async -> [WorldOutcome] {
        let once = await crashOutcome(seed, [cut])
        var outcomes = [once]
        // Which placements are taken moves with the first cut, so that a stride leaves no operation out for good.
        for second in stride(from: 1 + cut % step, through: max(once.recoveryOperations, 0), by: step) {
            outcomes.append(await crashOutcome(seed, [cut, second]))
        }
        return outcomes
    }

    /// A violation says where the power went.
    private func crashOutcome(_ seed: UInt64, _ cuts: [Int]) async -> WorldOutcome {
        var outcome = await crashWorld(seed, cuts).run()
        let places = cuts.count > 1 ? "operations \(cuts[0]) and \(cuts[1]) after the boot" : "operation \(cuts[0])"
        for index in outcome.violations.indices { outcome.violations[index].text += " (power cut at \(places))" }
        return outcome
    }

    private func crashWorld(_ seed: UInt64, _ cuts: [Int]) -> World {
        World(seed: seed, plan: WorldPlan(cuts: cuts), fixture: fixture, bugs: bugs, deviceCount: 1)
    }
}

extension WorldPlan {
    /// One device, one installation and one update of it; the power goes at these operations: the first counted from
    /// the beginning, the second from the boot after it.
    init(cuts: [Int]) {
        var rollouts = [
            PlannedRollout(name: "sound-1", time: 500), PlannedRollout(name: "sound-2", time: Self.updateAt),
        ]
        for index in rollouts.indices {
            rollouts[index].selector = Selector(terms: [
                Selector.Term(key: "id", isEqual: true, values: [Fixture.firstDevice.text])
            ])
        }
        self.init(rollouts: rollouts, faults: [], heal: Self.updateAt + 30_000)
        if let first = cuts.first {
            faults.append(Fault(time: 0, kind: .cuts(device: 0, first: first, second: cuts.dropFirst().first)))
        }
    }

    /// When the update of a crash world begins, in milliseconds.
    static let updateAt: Int64 = 40_000
}
