import FleetModel
import RolloutCore
import Testing

@Suite struct RolloutActionTests {
    private static let canary = RolloutCaseTests.canary

    @Test("offers carry release, activation and deadline, each once, and the waves are told")
    func offers() {
        let (machine, actions) = RolloutScript(waves: Self.canary, events: [(5, .receipt(2))], repetitions: 2).play()
        #expect(actions.offered == ["d2", "d0", "d1", "d3"])
        #expect(
            actions.filter { action in
                switch action {
                case .waveBegan, .waveEnded, .changed: true
                case .offer, .withdraw: false
                }
            } == [
                .changed(.awaitingApproval, reason: ""), .changed(.scheduled, reason: ""),
                .changed(.running, reason: ""), .waveBegan(0), .waveEnded(0), .waveBegan(1),
            ])
        #expect(
            actions.contains(
                .offer(
                    RolloutOffer(
                        device: RolloutScript.device(0), release: RolloutScript.release, activation: .now,
                        deadline: Instant(milliseconds: 105_000)))))
        #expect(machine.snapshot.waves[0].endedAt == Instant(milliseconds: 5000))
    }

    @Test("a pause is told once, with its reason")
    func pause() {
        let actions = RolloutScript(
            waves: [RolloutCaseTests.wave("all", 1)], events: [(1, .failed(0)), (1, .failed(1)), (2, .tick)]
        ).play().actions
        let pauses = actions.filter { if case .changed(.paused, _) = $0 { true } else { false } }
        #expect(pauses.count == 1)
    }

    @Test("resuming offers again to the failed and timed-out devices, and only to them")
    func resume() {
        let actions = RolloutScript(
            waves: [RolloutCaseTests.wave("all", 1)],
            events: [(1, .receipt(0)), (2, .failed(1)), (3, .command(.resume))]
        ).play().actions
        #expect(actions.offered == ["d0", "d1", "d2", "d3", "d1"])
    }

    @Test("going back asks for what each device ran before")
    func back() {
        let actions = RolloutScript(waves: Self.canary, events: [(1, .receipt(2)), (2, .command(.rollback))]).play()
            .actions
        #expect(actions.withdrawn == ["d0", "d1", "d2", "d3"])
        #expect(actions.contains(.withdraw(RolloutScript.device(2), to: RolloutScript.before)))
    }

    @Test("a device that ran nothing before keeps the release and ends the rollback all the same")
    func nothingBefore() {
        var machine = Self.started(champion: nil)
        for event in [RolloutEvent.receipt(0), .command(.rollback)] { _ = machine.handle(event, at: .epoch) }
        #expect(machine.snapshot.state == .rollingBack)
        _ = machine.handle(.settled(0, RolloutScript.release), at: .epoch)
        #expect(machine.snapshot.state == .rolledBack)
    }

    /// A rollout to one device that ran `champion` for all that the controller knew.
    private static func started(champion: Digest?) -> RolloutMachine {
        let plan = RolloutPlan(
            release: RolloutScript.release, selector: .all, waves: [RolloutCaseTests.wave("all", 1)])
        var machine = RolloutMachine(id: "1", plan: plan)
        for event in RolloutScript.started(1, champion: champion) { _ = machine.handle(event, at: .epoch) }
        return machine
    }

    @Test(
        "a device goes back to what it says it ran before, and one that ran the release already keeps it",
        arguments: [
            (nil, RolloutScript.before), (RolloutScript.other, RolloutScript.before),
            (RolloutScript.release, RolloutScript.release),
        ] as [(Digest?, Digest)])
    func previous(champion: Digest?, goesBackTo: Digest) {
        var machine = Self.started(champion: champion)
        let device = RolloutScript.device(0)
        _ = machine.handle(
            .receipt(device, release: RolloutScript.release, previous: RolloutScript.before), at: .epoch)
        #expect(machine.handle(.command(.rollback), at: .epoch).contains(.withdraw(device, to: goesBackTo)))
        _ = machine.handle(.settled(device, champion: goesBackTo), at: .epoch)
        #expect(machine.snapshot.state == .rolledBack)
    }

    @Test("a rollback is not over while a device that has something to go back to runs the release")
    func lateCommit() {
        var machine = Self.started(champion: nil)
        let device = RolloutScript.device(0)
        #expect(machine.handle(.command(.rollback), at: .epoch).contains(.withdraw(device, to: nil)))
        let settled = RolloutEvent.settled(device, champion: RolloutScript.release, previous: RolloutScript.before)
        #expect(machine.handle(settled, at: .epoch) == [.withdraw(device, to: RolloutScript.before)])
        // The same again before it has heard of that.
        #expect(machine.handle(settled, at: .epoch).isEmpty)
        #expect(machine.snapshot.state == .rollingBack)
        _ = machine.handle(.settled(device, champion: RolloutScript.before), at: .epoch)
        #expect(machine.snapshot.state == .rolledBack)
    }

    @Test("the next deadline is that of the earliest offer, or the end of a soak")
    func nextDeadline() {
        let soaking = [RolloutCaseTests.wave("all", 1, soak: 7)]
        #expect(
            RolloutScript(waves: soaking, events: []).play().machine.nextDeadline == Instant(milliseconds: 100_000))
        let done: [(Int64, RolloutEvent)] = (0..<4).map { (Int64(10 + $0), .receipt($0)) }
        #expect(
            RolloutScript(waves: soaking, events: done).play().machine.nextDeadline == Instant(milliseconds: 20_000))
        #expect(RolloutScript(waves: soaking, events: done + [(20, .tick)]).play().machine.nextDeadline == nil)
    }

    @Test("commands that make no sense in a state are not allowed and change nothing", arguments: RolloutState.allCases)
    func allowed(state: RolloutState) {
        let expected: [RolloutState: Set<RolloutCommand>] = [
            .draft: [.submit, .abort], .awaitingApproval: [.approve, .abort], .scheduled: [.start, .abort],
            .running: [.pause, .abort, .rollback], .paused: [.resume, .abort, .rollback], .completed: [.rollback],
            .aborting: [.rollback], .aborted: [.rollback], .rollingBack: [], .rolledBack: [],
        ]
        let plan = RolloutPlan(release: RolloutScript.release, selector: .all, waves: Self.canary)
        // One device on its way keeps the passing states from ending by themselves.
        let device = DeviceProgress(wave: 0, state: .offered, offeredAt: .epoch)
        let snapshot = RolloutSnapshot(state: state, devices: [RolloutScript.device(0): device])
        let machine = RolloutMachine(id: "1", plan: plan, snapshot: snapshot)
        #expect(Set(RolloutCommand.allCases.filter(machine.allows)) == expected[state])
        for command in RolloutCommand.allCases where !machine.allows(command) {
            var copy = machine
            #expect(copy.handle(.command(command, reason: "no"), at: .epoch).isEmpty, "\(command) in \(state)")
            #expect(copy == machine)
        }
    }
}

@Suite struct WaveAssignmentTests {
    private func fleet(_ count: Int) -> [RolloutCandidate] { (0..<count).map { RolloutScript.candidate($0) } }

    @Test(
        "waves hold their cumulative shares, rounded up",
        arguments: [
            (100, [0.07, 0.5, 1], [7, 43, 50]), (20, [0.1, 1], [2, 18]), (3, [0.1, 0.5, 1], [1, 1, 1]),
            (0, [0.5, 1], [0, 0]),
            (5, [0, 1], [0, 5]), (10, [0.5], [5]), (4, [1, 1], [4, 0]),
        ] as [(Int, [Double], [Int])])
    func shares(count: Int, shares: [Double], expected: [Int]) {
        let waves = shares.map { Wave(name: "w", cumulativeShare: $0) }
        let assigned = WaveAssignment.waves(waves, rollout: "1", devices: fleet(count))
        #expect(waves.indices.map { index in assigned.values.filter { $0 == index }.count } == expected)
    }

    @Test("a wave's selector narrows it, and later waves take the rest")
    func selectors() throws {
        let waves = [
            Wave(name: "odd canary", cumulativeShare: 0.2, selector: try Selector("parity=odd")),
            Wave(name: "rest", cumulativeShare: 1),
        ]
        let assigned = WaveAssignment.waves(waves, rollout: "1", devices: fleet(10))
        let canaries = assigned.filter { $0.value == 0 }.keys
        #expect(canaries.count == 2)
        #expect(canaries.allSatisfy { ["d1", "d3", "d5", "d7", "d9"].contains($0.text) })
        #expect(assigned.count == 10)
    }

    @Test("devices that no wave takes are outside")
    func outside() throws {
        let waves = [Wave(name: "odd", cumulativeShare: 1, selector: try Selector("parity=odd"))]
        #expect(WaveAssignment.waves(waves, rollout: "1", devices: fleet(10)).count == 5)
    }

    @Test("the assignment does not depend on the devices' order, and differs between rollouts")
    func order() {
        let waves = [Wave(name: "canary", cumulativeShare: 0.1), Wave(name: "rest", cumulativeShare: 1)]
        let first = WaveAssignment.waves(waves, rollout: "1", devices: fleet(50))
        #expect(WaveAssignment.waves(waves, rollout: "1", devices: fleet(50).reversed()) == first)
        let canaries = (1...20).map { rollout in
            Set(WaveAssignment.waves(waves, rollout: "\(rollout)", devices: fleet(50)).filter { $0.value == 0 }.keys)
        }
        #expect(Set(canaries).count > 15)
    }
}
