import DeviceCore
import FleetModel
import FleetWire
import Testing

@Suite("What a device holds against releases")
struct GuiltTests {
    private let two = Fixture.release(2, mayReturnTo: [Fixture.digest(1, 1)])

    /// A slot with champion 2, and 1 to go back to.
    private var advanced: SlotState {
        var state = Fixture.settled
        state.champion = two
        state.previous = Fixture.release(1)
        state.target = Fixture.target(2)
        state.committed = [Fixture.digest(1, 1), two.release]
        state.accepted = [Fixture.model: AcceptedCounter(counter: 2, release: two.release)]
        return state
    }

    private func world(_ state: SlotState, _ adapt: (inout UpdateLimits) -> Void = { _ in }) -> SlotWorld {
        var limits = Fixture.limits
        adapt(&limits)
        var world = SlotWorld(state, limits: limits)
        world.images = [Fixture.digest(1, 2), two.image.digest]
        return world
    }

    // MARK: Quarantine

    @Test("a release that keeps failing is tried ever more seldom, and no more seldom than the cap says")
    func quarantine() {
        var world = world(Fixture.settled) { limits in
            limits.strikes = 2
            limits.quarantine = .minutes(10)
            limits.quarantineCap = .minutes(35)
        }
        world.proof = GoldenResult(maximumError: 1, latency: 80)
        let wish = Fixture.target(2, deadline: 2_000_000_000_000)
        world.feed(.desired(wish))
        #expect(world.machine.state.failure == .proofFailed)
        // Without a limit reached, another offer is tried at once.
        world.feed(.desired(Fixture.target(2, deadline: 2_000_000_000_001)))
        #expect(world.machine.state.failure == .proofFailed)
        var pauses: [Int64] = []
        for round in 0..<4 {
            let failedAt = world.now
            world.feed(.desired(Fixture.target(2, deadline: 2_000_000_000_002 + Int64(round))))
            #expect(world.machine.state.failure == .quarantined)
            #expect(world.machine.state.detail.contains("in quarantine"))
            let due = world.machine.wakeAt(world.now)
            pauses.append(due?.since(failedAt).milliseconds ?? 0)
            world.now = due ?? world.now
            world.feed(.tick)
            #expect(world.machine.state.failure == .proofFailed)
        }
        #expect(pauses == [10, 20, 35, 35].map { $0 * 60_000 })
        // What mends it ends the matter.
        world.feed(.desired(Fixture.target(2, deadline: 2_000_000_000_010)))
        world.proof = Fixture.goodProof
        world.now = world.machine.wakeAt(world.now) ?? world.now
        world.feed(.tick)
        world.settle()
        #expect(world.machine.state.champion?.release == two.release)
        #expect(world.machine.state.strikes.isEmpty)
    }

    @Test("a quarantine outlives a restart, and a withdrawn wish ends the wait for it")
    func withdrawn() throws {
        var world = world(Fixture.settled) { $0.strikes = 1 }
        world.proof = GoldenResult(maximumError: 1, latency: 80)
        world.feed(.desired(Fixture.target(2, deadline: 2_000_000_000_000)))
        world.feed(.desired(Fixture.target(2, deadline: 2_000_000_000_001)))
        #expect(world.machine.state.failure == .quarantined)
        try world.reboot()
        #expect(world.machine.wakeAt(world.now) != nil)
        world.feed(.desired(nil))
        #expect(world.machine.wakeAt(world.now) == nil)
        world.now = world.now.advanced(by: .days(2))
        world.feed(.tick)
        #expect(world.machine.state.phase == .failed)
    }

    @Test("a strike under a clock that was years ahead keeps a release out for the cap at most")
    func clockAhead() {
        var world = world(Fixture.settled) { $0.strikes = 1 }
        world.proof = GoldenResult(maximumError: 1, latency: 80)
        world.now = Instant(milliseconds: 3_000_000_000_000)
        world.feed(.desired(Fixture.target(2, deadline: 4_000_000_000_000)))
        world.now = Instant(milliseconds: 1_800_000_000_000)
        world.feed(.desired(Fixture.target(2, deadline: 4_000_000_000_001)))
        #expect(world.machine.wakeAt(world.now) == world.now.advanced(by: .days(1)))
        world.now = world.now.advanced(by: .days(1))
        world.proof = Fixture.goodProof
        world.feed(.tick)
        #expect(world.machine.state.phase == .probation)
    }

    // MARK: Crashes

    private func restart(_ world: inout SlotWorld, crashed release: Digest) throws {
        world.machine = UpdateMachine(state: try SlotState(decoding: world.disk), limits: world.machine.limits)
        world.serving = nil
        world.feed(.crashed(release: release))
        world.feed(.started(intact: world.images))
    }

    @Test("one crash on probation rolls the release back")
    func crashOnProbation() throws {
        var world = world(Fixture.settled)
        world.feed(.desired(Fixture.target(2, deadline: 2_000_000_000_000)))
        #expect(world.serving?.release == two.release)
        try restart(&world, crashed: two.release)
        #expect(world.machine.state.phase == .rolledBack)
        #expect(world.machine.state.failure == .crashed)
        #expect(world.serving?.release == Fixture.digest(1, 1))
        #expect(world.machine.state.strikes.first?.count == 1)
    }

    @Test("one crash in its proof fails the release")
    func crashInProof() throws {
        var world = world(Fixture.settled)
        world.diesWhileProving = true
        world.feed(.desired(Fixture.target(2, deadline: 2_000_000_000_000)))
        world.hasPower = true
        world.diesWhileProving = false
        try restart(&world, crashed: two.release)
        #expect(world.machine.state.phase == .failed)
        #expect(world.machine.state.failure == .crashed)
        #expect(world.serving?.release == Fixture.digest(1, 1))
    }

    @Test("a champion that ends the process again and again is left for the last good release")
    func safeMode() throws {
        var world = world(advanced)
        for crash in 1...2 {
            try restart(&world, crashed: two.release)
            #expect(world.serving?.release == two.release, "after crash \(crash) it has another chance")
            world.now = world.now.advanced(by: .minutes(1))
        }
        try restart(&world, crashed: two.release)
        #expect(world.serving?.release == Fixture.digest(1, 1))
        #expect(world.machine.state.phase == .rolledBack)
        #expect(world.machine.state.failure == .crashed)
        #expect(world.machine.state.detail.contains("safe mode"))
        // The controller still wants it: its same document changes nothing, after a start neither.
        world.feed(.desired(Fixture.target(2)))
        try world.reboot()
        world.feed(.desired(Fixture.target(2)))
        #expect(world.serving?.release == Fixture.digest(1, 1))
        // The counter never goes back.
        #expect(world.machine.state.accepted[Fixture.model]?.counter == 2)
    }

    @Test("crashes that lie far apart are not one series")
    func seldom() throws {
        var world = world(advanced)
        for _ in 0..<10 {
            try restart(&world, crashed: two.release)
            #expect(world.serving?.release == two.release)
            world.now = world.now.advanced(by: .minutes(61))
        }
    }

    @Test("without a release to go back to, safe mode serves none, and takes the next one that comes")
    func nothingToReturnTo() throws {
        var state = advanced
        state.champion = Fixture.release(2)
        var world = world(state)
        for _ in 0..<3 { try restart(&world, crashed: two.release) }
        #expect(world.serving == nil)
        #expect(world.machine.state.detail.contains("serving none"))
        try world.reboot()
        #expect(world.serving == nil)
        world.feed(.desired(Fixture.target(3, deadline: 2_000_000_000_000)))
        #expect(world.serving?.release == Fixture.digest(3, 1))
    }

    @Test("a crash of a release that this slot does not run is nobody's")
    func stranger() throws {
        var world = world(advanced)
        try restart(&world, crashed: Fixture.digest(9, 1))
        #expect(world.serving?.release == two.release)
        #expect(world.machine.state.crashes == nil)
    }

    // MARK: By hand

    @Test("a person goes back from a champion to the release before, once")
    func byHand() {
        var world = world(advanced)
        #expect(world.machine.canGoBack)
        world.feed(.rollBackByHand)
        #expect(world.serving?.release == Fixture.digest(1, 1))
        #expect(world.machine.state.failure == .byHand)
        #expect(!world.machine.canGoBack)
        world.feed(.rollBackByHand)
        world.feed(.desired(Fixture.target(2)))
        #expect(world.machine.state.champion?.release == Fixture.digest(1, 1))
    }

    @Test("a person ends a probation")
    func byHandOnProbation() {
        var world = world(Fixture.settled)
        world.feed(.desired(Fixture.target(2, deadline: 2_000_000_000_000)))
        #expect(world.machine.canGoBack)
        world.feed(.rollBackByHand)
        #expect(world.serving?.release == Fixture.digest(1, 1))
        #expect(world.machine.state.phase == .rolledBack)
    }

    @Test("nobody goes back to a release that the champion does not name")
    func notAllowed() {
        var state = advanced
        state.champion = Fixture.release(2)
        var world = world(state)
        #expect(!world.machine.canGoBack)
        world.feed(.rollBackByHand)
        #expect(world.machine.state.champion?.release == two.release)
    }

    @Test("a state of an earlier agent, whose strikes have no end, is read")
    func olderState() throws {
        var state = Fixture.settled
        state.strikes = [Strike(release: two.release, count: 2)]
        state.crashes = CrashCount(release: two.release, count: 1, at: Instant(milliseconds: 5))
        #expect(try SlotState(decoding: state.encoded()) == state)
    }
}
