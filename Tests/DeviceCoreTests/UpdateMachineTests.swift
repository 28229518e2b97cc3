import DeviceCore
import FleetModel
import FleetWire
import Sketches
import Testing

/// One row of the table: a slot with champion 1 hears these events, and then stands so.
struct UpdateCase: Sendable, CustomTestStringConvertible {
    var name: String
    var events: [UpdateEvent]
    var phase: InstallPhase
    var failure: InstallFailure?
    /// Number of the release that serves.
    var serves: UInt8?
    var testDescription: String { name }

    init(
        _ name: String, _ events: [UpdateEvent], _ phase: InstallPhase, _ failure: InstallFailure? = nil,
        serves: UInt8? = 1
    ) {
        self.name = name
        self.events = events
        self.phase = phase
        self.failure = failure
        self.serves = serves
    }
}

private let two = Fixture.release(2)
private let image = two.image.digest
private let wish = UpdateEvent.desired(Fixture.target(2))
private let fetched: [UpdateEvent] = [wish, .manifestAccepted(two), .fetchFinished(image: image)]
private let verified = fetched + [.verified(image: image)]
private let proved = verified + [.proved(release: two.release, Fixture.goodProof)]
private func inference(_ failed: Bool = false, latency: Int = 80) -> UpdateEvent {
    .inferred(release: two.release, latencyMicroseconds: latency, failed: failed)
}
private func proof(error: Float = 0, latency: Int = 80) -> UpdateEvent {
    .proved(release: two.release, GoldenResult(maximumError: error, latency: latency))
}
private func waiting(_ activation: ActivationCondition) -> [UpdateEvent] {
    [.desired(Fixture.target(2, activation: activation))] + proved.dropFirst()
}
private let committed = proved + Array(repeating: inference(), count: 5)

private let cases: [UpdateCase] = [
    // The way through.
    .init("a wish begins with the manifest", [wish], .fetching),
    .init("a trusted manifest goes on fetching", [wish, .manifestAccepted(two)], .fetching),
    .init("the image is verified when it is there", fetched, .verifying),
    .init("a verified image is proved", verified, .proving),
    .init("a proved one serves on probation", proved, .probation, serves: 2),
    .init(
        "four of five inferences are not enough", proved + Array(repeating: inference(), count: 4), .probation,
        serves: 2),
    .init("five commit it", committed, .committed, serves: 2),
    .init(
        "one failed inference of five is allowed", proved + [inference(true)] + Array(repeating: inference(), count: 4),
        .committed, serves: 2),
    .init(
        "two slow inferences of five are allowed",
        proved + Array(repeating: inference(latency: 501), count: 2) + Array(repeating: inference(), count: 3),
        .committed, serves: 2),
    // Wishes.
    .init("no wish changes nothing", [.desired(nil)], .committed),
    .init("the wish for the champion changes nothing", [.desired(Fixture.target(1))], .committed),
    .init("a withdrawn wish leaves the champion", [wish, .desired(nil)], .committed),
    .init("the champion wanted back while fetching", [wish, .desired(Fixture.target(1))], .committed),
    .init("the champion wanted back while proving", verified + [.desired(Fixture.target(1))], .committed),
    .init("the champion wanted back on probation", proved + [.desired(Fixture.target(1))], .committed),
    .init("a withdrawn wish does not end a probation", proved + [.desired(nil)], .probation, serves: 2),
    .init("another release while fetching", [wish, .desired(Fixture.target(3))], .fetching),
    .init("another release while proving", verified + [.desired(Fixture.target(3))], .fetching),
    .init(
        "another release waits for the probation's end", proved + [.desired(Fixture.target(3))], .probation, serves: 2),
    .init(
        "and begins after it", proved + [.desired(Fixture.target(3))] + Array(repeating: inference(), count: 5),
        .fetching, serves: 2),
    .init("or after its failure", proved + [.desired(Fixture.target(3)), inference(true), inference(true)], .fetching),
    .init("the same wish twice is one", [wish, .manifestAccepted(two), wish], .fetching),
    .init("other terms do not begin again", verified + [.desired(Fixture.target(2, deadline: 7_200_000))], .proving),
    .init("a deadline in the past fails at once", [.desired(Fixture.target(2, deadline: 10))], .failed, .fetchTimedOut),
    // Manifests.
    .init(
        "a refused manifest", [wish, .manifestRefused(release: two.release, .badSignature, detail: "")], .failed,
        .badSignature),
    .init(
        "an old counter", [wish, .manifestRefused(release: two.release, .oldCounter, detail: "")], .failed, .oldCounter),
    .init("a late manifest of another release", [wish, .manifestAccepted(Fixture.release(5))], .fetching),
    .init(
        "a late refusal of another release",
        [wish, .manifestRefused(release: Fixture.digest(5, 1), .expired, detail: "")], .fetching),
    .init("a manifest that nobody asked for", [.manifestAccepted(two)], .committed),
    .init("a second manifest", [wish, .manifestAccepted(two), .manifestAccepted(two)], .fetching),
    .init(
        "new roles after a bad signature",
        [wish, .manifestRefused(release: two.release, .badSignature, detail: ""), .trustChanged], .fetching),
    .init(
        "new roles do not mend an old counter",
        [wish, .manifestRefused(release: two.release, .oldCounter, detail: ""), .trustChanged], .failed, .oldCounter),
    .init("new roles while all is well", [.trustChanged], .committed),
    // Fetching.
    .init(
        "a failed fetch is tried again",
        [wish, .manifestAccepted(two), .fetchFailed(release: two.release, .fetchTimedOut, detail: "")], .fetching),
    .init(
        "six failed fetches are enough",
        [wish] + Array(repeating: .fetchFailed(release: two.release, .fetchTimedOut, detail: ""), count: 6), .failed,
        .fetchTimedOut),
    .init(
        "no space is tried again",
        [wish, .manifestAccepted(two), .fetchFailed(release: two.release, .noSpace, detail: "")], .fetching),
    .init(
        "a failed fetch of another release", [wish, .fetchFailed(release: Fixture.digest(5, 1), .noSpace, detail: "")],
        .fetching),
    .init("an image that nobody asked for", [.fetchFinished(image: image)], .committed),
    .init("another image", [wish, .manifestAccepted(two), .fetchFinished(image: Fixture.digest(5, 2))], .fetching),
    // Verifying.
    .init("a wrong digest fetches again", fetched + [.verifyFailed(image: image, .wrongDigest, detail: "")], .fetching),
    .init("a verdict about another image", fetched + [.verified(image: Fixture.digest(5, 2))], .verifying),
    .init(
        "a bad verdict about another image",
        fetched + [.verifyFailed(image: Fixture.digest(5, 2), .wrongDigest, detail: "")], .verifying),
    .init("verified while idle", [.verified(image: image)], .committed),
    // Proving.
    .init("the golden error at its bound", verified + [proof(error: 0.001)], .probation, serves: 2),
    .init("a golden error above it", verified + [proof(error: 0.0011)], .failed, .proofFailed),
    .init("a golden error that is not a number", verified + [proof(error: .nan)], .failed, .proofFailed),
    .init("an infinite golden error", verified + [proof(error: .infinity)], .failed, .proofFailed),
    .init("a proof at the latency limit", verified + [proof(latency: 500)], .probation, serves: 2),
    .init("a proof above it", verified + [proof(latency: 501)], .failed, .proofTooSlow),
    .init(
        "a proof that cannot run", verified + [.proofImpossible(release: two.release, detail: "")], .failed,
        .proofFailed),
    .init(
        "a proof of another release", verified + [.proved(release: Fixture.digest(5, 1), Fixture.goodProof)], .proving),
    .init("a proof while idle", [.proved(release: two.release, Fixture.goodProof)], .committed),
    // Waiting.
    .init("a lot boundary is waited for", waiting(.lotBoundary), .waiting),
    .init("and activates", waiting(.lotBoundary) + [.lotBoundary], .probation, serves: 2),
    .init(
        "a boundary does not open a window", waiting(.window(startMinute: 60, endMinute: 120)) + [.lotBoundary],
        .waiting),
    .init("a closed window is waited for", waiting(.window(startMinute: 60, endMinute: 120)) + [.tick], .waiting),
    .init("an open window activates", waiting(.window(startMinute: 0, endMinute: 120)), .probation, serves: 2),
    .init("new terms open the way", waiting(.lotBoundary) + [.desired(Fixture.target(2))], .probation, serves: 2),
    .init("another release while waiting", waiting(.lotBoundary) + [.desired(Fixture.target(3))], .fetching),
    .init("a boundary while idle", [.lotBoundary], .committed),
    // Probation.
    .init(
        "two failed inferences of five are too many", proved + [inference(true), inference(true)], .rolledBack,
        .probationErrors),
    .init(
        "most inferences too slow",
        proved + Array(repeating: inference(latency: 501), count: 3) + Array(repeating: inference(), count: 2),
        .rolledBack, .probationLatency),
    .init(
        "an image that cannot be loaded", proved + [.serveFailed(release: two.release, detail: "")], .rolledBack,
        .malformedImage),
    .init(
        "inferences of the champion do not count",
        proved
            + Array(
                repeating: .inferred(release: Fixture.digest(1, 1), latencyMicroseconds: 1, failed: false), count: 9),
        .probation, serves: 2),
    .init(
        "failed inferences after commit do not undo it", committed + Array(repeating: inference(true), count: 9),
        .committed, serves: 2),
    .init(
        "a failed load of another release", proved + [.serveFailed(release: Fixture.digest(5, 1), detail: "")],
        .probation, serves: 2),
    // After the end.
    .init("the same wish after failure changes nothing", verified + [proof(error: 1), wish], .failed, .proofFailed),
    .init(
        "a new offer after failure begins again",
        verified + [proof(error: 1), .desired(Fixture.target(2, deadline: 9_000_000))], .fetching),
    .init(
        "the same wish after rolling back changes nothing", proved + [inference(true), inference(true), wish],
        .rolledBack, .probationErrors),
    .init("the old release wanted again after commit", committed + [.desired(Fixture.target(1))], .fetching, serves: 2),
]

@Suite("The update machine")
struct UpdateMachineTests {
    /// Follows only `store` and `serve`: the events of the table are the whole world.
    private static func run(_ events: [UpdateEvent]) -> (machine: UpdateMachine, serving: HeldRelease?) {
        var machine = UpdateMachine(state: Fixture.settled, limits: Fixture.limits)
        var serving: HeldRelease?
        for event in [.started(intact: [Fixture.digest(1, 2)])] + events {
            for case .serve(let held) in machine.handle(event, at: Instant(milliseconds: 1000)) { serving = held }
        }
        return (machine, serving)
    }

    @Test("events lead to phases", arguments: cases)
    func table(row: UpdateCase) {
        let (machine, serving) = Self.run(row.events)
        #expect(machine.state.phase == row.phase)
        #expect(machine.state.failure == row.failure)
        #expect(serving?.release == row.serves.map { Fixture.digest($0, 1) })
        #expect(machine.state.serving == serving)
    }

    @Test("every state of the table survives being written and read", arguments: cases)
    func coding(row: UpdateCase) throws {
        let state = Self.run(row.events).machine.state
        #expect(try SlotState(decoding: state.encoded()) == state)
    }

    @Test("after a kill at the end of every row, the slot serves what was committed and goes on", arguments: cases)
    func killed(row: UpdateCase) throws {
        let before = Self.run(row.events).machine.state
        var world = SlotWorld(before)
        world.images = before.neededImages
        try world.reboot()
        #expect(world.serving != nil)
        world.feed(.desired(Fixture.target(4)))
        world.settle()
        #expect(world.machine.state.champion?.release == Fixture.digest(4, 1))
        #expect(world.receipts.last?.number == 4)
    }

    @Test("a power cut after any action of an installation leads to the same end")
    func cutAnywhere() throws {
        var whole = SlotWorld()
        whole.feed(.started(intact: whole.images))
        whole.feed(.desired(Fixture.target(2)))
        whole.settle()
        #expect(whole.receipts.map(\.number) == [2])
        for cut in 0...whole.actionsDone {
            var world = SlotWorld()
            world.actionsLeft = cut
            world.feed(.started(intact: world.images))
            world.feed(.desired(Fixture.target(2)))
            world.settle()
            try world.reboot()
            #expect(world.serving != nil, "cut after action \(cut)")
            world.feed(.desired(Fixture.target(2)))
            world.settle()
            #expect(world.machine.state.champion?.release == Fixture.digest(2, 1), "cut after action \(cut)")
            #expect(world.receipts.map(\.number) == [2], "cut after action \(cut)")
            #expect(world.serving?.release == Fixture.digest(2, 1), "cut after action \(cut)")
        }
    }

    @Test("a failed store at any place delays the installation and harms nothing")
    func failedStores() {
        for failing in 0..<8 {
            var world = SlotWorld()
            world.failingStores = [failing]
            world.feed(.started(intact: world.images))
            world.feed(.desired(Fixture.target(2)))
            world.settle()
            #expect(world.machine.state.champion?.release == Fixture.digest(2, 1), "store \(failing)")
            #expect(world.receipts.map(\.number) == [2], "store \(failing)")
        }
    }

    @Test("a disk that stays full never lets a release serve that is not stored")
    func fullDisk() {
        var world = SlotWorld()
        world.failingStores = Set(0..<1000)
        world.feed(.started(intact: world.images))
        world.feed(.desired(Fixture.target(2)))
        world.settle()
        #expect(world.serving?.release == Fixture.digest(1, 1))
        #expect(world.receipts.isEmpty)
        #expect(world.machine.state.detail.contains("disk full"))
    }

    @Test("a model that ends the process while it is proved fails after three starts")
    func crashWhileProving() throws {
        var world = SlotWorld()
        world.feed(.started(intact: world.images))
        world.diesWhileProving = true
        world.feed(.desired(Fixture.target(2)))
        var starts = 0
        while !world.hasPower, starts < 10 {
            starts += 1
            try world.reboot()
        }
        #expect(starts == 3)
        #expect(world.machine.state.phase == .failed)
        #expect(world.machine.state.failure == .proofFailed)
        #expect(world.serving?.release == Fixture.digest(1, 1))
    }

    @Test("a model that ends the process on probation is rolled back after three starts")
    func crashOnProbation() throws {
        var world = SlotWorld()
        world.feed(.started(intact: world.images))
        world.feed(.desired(Fixture.target(2)))
        #expect(world.machine.state.phase == .probation)
        try world.reboot()
        #expect(world.serving?.release == Fixture.digest(2, 1))
        try world.reboot()
        try world.reboot()
        #expect(world.machine.state.phase == .rolledBack)
        #expect(world.machine.state.failure == .probationErrors)
        #expect(world.serving?.release == Fixture.digest(1, 1))
    }

    @Test("a release that failed three times is refused, and a good one is not")
    func quarantine() {
        var world = SlotWorld()
        world.proof = GoldenResult(maximumError: 1, latency: 1)
        world.feed(.started(intact: world.images))
        for offer in 0..<4 {
            world.feed(.desired(Fixture.target(2, deadline: 1_000_000 + Int64(offer))))
            #expect(world.machine.state.phase == .failed)
        }
        #expect(world.machine.state.detail.contains("failed here 3 times: in quarantine"))
        world.proof = Fixture.goodProof
        world.feed(.desired(Fixture.target(3)))
        world.settle()
        #expect(world.machine.state.champion?.release == Fixture.digest(3, 1))
    }

    @Test("a damaged champion is installed again while the previous one serves")
    func damagedChampion() throws {
        var world = SlotWorld()
        world.feed(.started(intact: world.images))
        world.feed(.desired(Fixture.target(2)))
        world.settle()
        #expect(world.machine.state.previous?.release == Fixture.digest(1, 1))
        world.images.remove(Fixture.digest(2, 2))
        var restarted = UpdateMachine(state: try SlotState(decoding: world.disk), limits: world.machine.limits)
        let actions = restarted.handle(.started(intact: world.images), at: world.now)
        #expect(actions.contains(.serve(Fixture.release(1))))
        #expect(restarted.state.phase == .fetching)
        try world.reboot()
        world.settle()
        #expect(world.serving?.release == Fixture.digest(2, 1))
    }

    @Test("the first installation has nothing to go back to")
    func firstInstallation() throws {
        var world = SlotWorld(SlotState())
        world.images = []
        world.feed(.started(intact: []))
        world.feed(.desired(Fixture.target(1)))
        #expect(world.serving?.release == Fixture.digest(1, 1))
        world.settle(true)
        #expect(world.machine.state.phase == .rolledBack)
        #expect(world.serving == nil)
        world.feed(.desired(Fixture.target(2)))
        world.settle()
        #expect(world.serving?.release == Fixture.digest(2, 1))
    }

    @Test("without inferences the probation ends by time")
    func probationByTime() {
        var machine = UpdateMachine(state: Fixture.settled, limits: Fixture.limits)
        for event in [.started(intact: [Fixture.digest(1, 2)])] + proved {
            _ = machine.handle(event, at: Instant(milliseconds: 1000))
        }
        #expect(machine.wakeAt(Instant(milliseconds: 1000)) == Instant(milliseconds: 61_000))
        #expect(machine.handle(.tick, at: Instant(milliseconds: 60_999)).isEmpty)
        let actions = machine.handle(.tick, at: Instant(milliseconds: 61_000))
        #expect(actions.first == .commit(Fixture.goodProof))
        #expect(machine.state.phase == .committed)
    }

    @Test("fetching is tried again with growing pauses, and the deadline ends it")
    func backoff() {
        var machine = UpdateMachine(state: Fixture.settled, limits: Fixture.limits)
        var now = Instant(milliseconds: 0)
        _ = machine.handle(.desired(Fixture.target(2, deadline: 20_000)), at: now)
        var pauses: [Int64] = []
        for _ in 0..<3 {
            _ = machine.handle(.fetchFailed(release: two.release, .fetchTimedOut, detail: "late"), at: now)
            let due = machine.wakeAt(now) ?? now
            pauses.append(due.since(now).milliseconds)
            #expect(machine.handle(.tick, at: Instant(milliseconds: due.milliseconds - 1)).isEmpty)
            now = due
            #expect(machine.handle(.tick, at: now).contains(.fetchManifest(two.release)))
        }
        #expect(pauses == [2000, 4000, 8000])
        #expect(machine.wakeAt(now) == Instant(milliseconds: 20_000))
        _ = machine.handle(.tick, at: Instant(milliseconds: 20_000))
        #expect(machine.state.failure == .fetchTimedOut)
        #expect(machine.state.phase == .failed)
    }

    @Test("pauses double up to their cap")
    func pauses() {
        let limits = UpdateLimits()
        #expect(limits.pause(afterAttempt: 1) == .seconds(2))
        #expect(limits.pause(afterAttempt: 4) == .seconds(16))
        #expect(limits.pause(afterAttempt: 50) == .minutes(10))
    }

    @Test("an endless loop of stores ends at its limit")
    func loopBreaker() {
        var limits = Fixture.limits
        limits.stores = 10
        limits.attempts = 1000
        limits.backoff = Interval(milliseconds: 0)
        var machine = UpdateMachine(state: Fixture.settled, limits: limits)
        _ = machine.handle(wish, at: Instant(milliseconds: 1))
        for _ in 0..<20 {
            _ = machine.handle(
                .fetchFailed(release: two.release, .fetchTimedOut, detail: ""), at: Instant(milliseconds: 1))
        }
        #expect(machine.state.phase == .failed)
        #expect(machine.state.failure == .storeFailed)
        #expect(machine.state.stores <= 11)
    }

    @Test("the counter is accepted when a release becomes active and never falls")
    func counters() {
        let active = Self.run(proved + [inference(true), inference(true)]).machine
        #expect(active.state.accepted[Fixture.model]?.counter == 2)
        #expect(active.state.phase == .rolledBack)
        #expect(Self.run(verified + [proof(error: 1)]).machine.state.accepted[Fixture.model]?.counter == 1)
    }

    @Test("progress is reported once per tenth")
    func progress() {
        var machine = Self.run([wish, .manifestAccepted(two)]).machine
        let reports = (0...1000).count { step in
            let share = Float(step) / 1000
            return machine.handle(.fetched(image: image, share: share), at: .epoch).contains(.report)
        }
        #expect(reports == 10)
        #expect(machine.progress == 1)
    }

    @Test("any order of events keeps the promises", arguments: 0..<300)
    func randomEvents(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        var world = SlotWorld()
        world.feed(.started(intact: world.images))
        for _ in 0..<120 {
            let number = UInt8(1 + random.next() % 4)
            let held = Fixture.release(number)
            let event: UpdateEvent
            switch random.next() % 14 {
            case 0, 1: event = .desired(Fixture.target(number, deadline: Int64(random.next() % 200_000)))
            case 2: event = .desired(nil)
            case 3: event = .fetchFailed(release: held.release, .noSpace, detail: "x")
            case 4: event = .verifyFailed(image: held.image.digest, .wrongDigest, detail: "x")
            case 5: event = .proofImpossible(release: held.release, detail: "x")
            case 6: event = .serveFailed(release: held.release, detail: "x")
            case 7: event = .lotBoundary
            case 8: event = .trustChanged
            case 9: event = .manifestRefused(release: held.release, .badSignature, detail: "x")
            case 10: event = .storeFailed(detail: "x")
            case 11...12:
                event = .inferred(release: held.release, latencyMicroseconds: 1, failed: random.next() % 9 == 0)
            default: event = .tick
            }
            if random.next() % 40 == 0 { world.actionsLeft = Int(random.next() % 6) }
            world.now = world.now.advanced(by: Interval(milliseconds: Int64(random.next() % 3000)))
            if case .storeFailed = event {
                // A shell says so only of a store that it was told to do.
                world.failingStores = [world.stores]
                continue
            }
            let accepted = world.machine.state.accepted[Fixture.model]?.counter ?? 0
            world.feed(event)
            if !world.hasPower { try world.reboot() }
            if case .tick = event {
                #expect(world.machine.wakeAt(world.now).map { $0 > world.now } ?? true, "a tick leaves nothing due")
            }
            #expect(world.machine.state.accepted[Fixture.model]?.counter ?? 0 >= min(accepted, 1))
            let may = [world.machine.state.serving?.release, world.machine.state.champion?.release]
            #expect(may.contains(world.serving?.release))
            #expect(world.machine.state.champion != nil, "a champion is never lost")
            #expect(world.images.isSuperset(of: [world.machine.state.champion?.image.digest].compactMap { $0 }))
        }
    }
}

@Suite("Activation windows")
struct ActivationTests {
    private static func at(_ hour: Int64, _ minute: Int64) -> Instant {
        Instant(milliseconds: (hour * 60 + minute) * 60_000 + 86_400_000 * 20_000)
    }

    @Test("a window is open from its start until before its end")
    func window() {
        let night = ActivationCondition.window(startMinute: 120, endMinute: 240)
        #expect(!night.isOpen(at: Self.at(1, 59)))
        #expect(night.isOpen(at: Self.at(2, 0)))
        #expect(night.isOpen(at: Self.at(3, 59)))
        #expect(!night.isOpen(at: Self.at(4, 0)))
        #expect(night.nextOpening(after: Self.at(4, 0)) == Self.at(26, 0))
        #expect(night.nextOpening(after: Self.at(1, 0)) == Self.at(2, 0))
        #expect(night.nextOpening(after: Self.at(3, 0)) == Self.at(3, 0))
    }

    @Test("a window may reach over midnight")
    func overMidnight() {
        let night = ActivationCondition.window(startMinute: 1380, endMinute: 60)
        #expect(night.isOpen(at: Self.at(23, 30)))
        #expect(night.isOpen(at: Self.at(0, 30)))
        #expect(!night.isOpen(at: Self.at(1, 0)))
        #expect(night.nextOpening(after: Self.at(12, 0)) == Self.at(23, 0))
    }

    @Test("equal ends mean the whole day, and a lot boundary no time at all")
    func edges() {
        #expect(ActivationCondition.window(startMinute: 5, endMinute: 5).isOpen(at: Self.at(12, 0)))
        #expect(ActivationCondition.lotBoundary.nextOpening(after: Self.at(0, 0)) == nil)
        #expect(!ActivationCondition.lotBoundary.isOpen(at: Self.at(0, 0)))
    }
}
