import FleetModel
import RetrainCore
import Testing

@Suite struct RetrainMachineTests {
    private typealias Observation = RetrainObservation

    private static let quiet = Observation(
        drift: [.init(group: "side=L", devices: 10, drifted: 0)],
        accuracy: [.init(group: "side=L", estimate: 0.8, low: 0.7, high: 0.9, labels: 100, promise: 0.75)],
        newAnnotations: 10)
    private static let drifted = Observation(drift: [
        .init(group: "side=L", devices: 10, drifted: 4), .init(group: "side=R", devices: 10, drifted: 1),
    ])
    private static let inaccurate = Observation(accuracy: [
        .init(group: "side=L", estimate: 0.3, low: 0.2, high: 0.42, labels: 40, promise: 0.75)
    ])
    private static let annotated = Observation(newAnnotations: 200)
    private static let everything = Observation(
        drift: drifted.drift, accuracy: inaccurate.accuracy, newAnnotations: 200)

    private static let triggers = RetrainTriggers(
        drift: DriftTrigger(devices: 3, share: 0.4), accuracy: AccuracyTrigger(), annotations: 200,
        schedule: .seconds(1000))

    private func machine(
        _ triggers: RetrainTriggers, _ require: RetrainPolicy.Requirement = .any, coolDown: Int64 = 0
    ) -> RetrainMachine {
        RetrainMachine(
            policy: RetrainPolicy(triggers: triggers, require: require, coolDown: .seconds(coolDown)),
            snapshot: RetrainMachine.Snapshot(since: .epoch))
    }

    private func at(_ seconds: Int64) -> Instant { Instant(milliseconds: seconds * 1000) }

    private func kinds(_ actions: [RetrainMachine.Action]) -> [RetrainTriggerKind]? {
        guard case .start(let triggers)? = actions.first else { return nil }
        return triggers.map(\.kind)
    }

    @Test("each trigger alone starts a run where any is enough, and its reason names the facts")
    func any() throws {
        let cases: [(Observation, Int64, RetrainTriggerKind, String)] = [
            (Self.drifted, 1, .drift, "4 of 10 devices of side=L have drifted"),
            (
                Self.inaccurate, 1, .accuracy,
                "accuracy of side=L is about 30 % (20 % to 42 %, 40 annotations), promised 75 %"
            ),
            (Self.annotated, 1, .annotations, "200 new annotations (200 are enough)"),
            (Observation(), 1000, .schedule, "1000 s since the last run (due every 1000 s)"),
        ]
        for (observation, seconds, kind, reason) in cases {
            var machine = machine(Self.triggers)
            #expect(machine.handle(.observed(Self.quiet), at: at(seconds - 1)).isEmpty, "\(kind)")
            let actions = machine.handle(.observed(observation), at: at(seconds))
            #expect(actions == [.start(triggers: [FiredTrigger(kind: kind, reason: reason)])])
        }
    }

    @Test(
        "just short of a trigger nothing starts",
        arguments: [
            Observation(drift: [.init(group: "a", devices: 10, drifted: 2)]),
            Observation(drift: [.init(group: "a", devices: 10, drifted: 3)]),
            Observation(drift: [.init(group: "a", devices: 4, drifted: 2), .init(group: "b", devices: 4, drifted: 2)]),
            Observation(accuracy: [.init(group: "a", estimate: 0.3, low: 0.2, high: 0.4, labels: 29, promise: 0.75)]),
            Observation(accuracy: [.init(group: "a", estimate: 0.6, low: 0.5, high: 0.7, labels: 90, promise: 0.75)]),
            Observation(newAnnotations: 199),
        ])
    func shortOf(observation: RetrainObservation) {
        var machine = machine(Self.triggers)
        #expect(machine.handle(.observed(observation), at: at(999)).isEmpty)
    }

    @Test("where all are asked for, every trigger of the policy must hold at once")
    func all() {
        var machine = machine(Self.triggers, .all)
        #expect(machine.handle(.observed(Self.everything), at: at(999)).isEmpty)
        #expect(machine.handle(.observed(Self.drifted), at: at(1000)).isEmpty)
        #expect(
            kinds(machine.handle(.observed(Self.everything), at: at(1000)))
                == [.drift, .accuracy, .annotations, .schedule])
        var two = self.machine(RetrainTriggers(drift: DriftTrigger(), annotations: 200), .all)
        #expect(two.handle(.observed(Self.annotated), at: at(5)).isEmpty)
        #expect(kinds(two.handle(.observed(Self.everything), at: at(5))) == [.drift, .annotations])
    }

    @Test("a policy without triggers never starts a run", arguments: RetrainPolicy.Requirement.allCases)
    func none(require: RetrainPolicy.Requirement) {
        var machine = machine(RetrainTriggers(), require)
        #expect(machine.handle(.observed(Self.everything), at: at(1_000_000)).isEmpty)
    }

    @Test("one run at a time, also beside one that a person started")
    func single() {
        var machine = machine(Self.triggers)
        #expect(kinds(machine.handle(.observed(Self.drifted), at: at(1))) != nil)
        #expect(machine.handle(.observed(Self.everything), at: at(2)).isEmpty)
        _ = machine.handle(.ended, at: at(3))
        _ = machine.handle(.started, at: at(4))
        #expect(machine.handle(.observed(Self.everything), at: at(5)).isEmpty)
        _ = machine.handle(.ended, at: at(6))
        #expect(kinds(machine.handle(.observed(Self.everything), at: at(7))) != nil)
    }

    @Test("the cool-down counts from the end of the last run; an end without a run is none")
    func coolDown() {
        var machine = machine(Self.triggers, coolDown: 60)
        _ = machine.handle(.ended, at: at(0))
        #expect(kinds(machine.handle(.observed(Self.drifted), at: at(1))) != nil)
        _ = machine.handle(.ended, at: at(100))
        #expect(machine.handle(.observed(Self.drifted), at: at(159)).isEmpty)
        #expect(machine.isCoolingDown(at: at(159)))
        #expect(kinds(machine.handle(.observed(Self.drifted), at: at(160))) == [.drift])
    }

    @Test("the schedule counts from the start of the last run, whatever started it")
    func schedule() {
        var machine = machine(RetrainTriggers(schedule: .seconds(100)))
        _ = machine.handle(.started, at: at(50))
        _ = machine.handle(.ended, at: at(60))
        #expect(machine.handle(.observed(Observation()), at: at(149)).isEmpty)
        #expect(kinds(machine.handle(.observed(Observation()), at: at(150))) == [.schedule])
    }

    @Test("a machine restored from its snapshot goes on as if nothing had happened")
    func restore() {
        var machine = machine(Self.triggers, coolDown: 60)
        let events: [(Int64, RetrainMachine.Event)] = [
            (1, .observed(Self.drifted)), (2, .observed(Self.drifted)), (10, .ended), (30, .observed(Self.everything)),
            (80, .observed(Self.everything)), (90, .ended), (2000, .observed(Observation())),
        ]
        var restored = machine
        for (seconds, event) in events {
            restored = RetrainMachine(policy: restored.policy, snapshot: restored.snapshot)
            #expect(restored.handle(event, at: at(seconds)) == machine.handle(event, at: at(seconds)))
        }
        #expect(restored == machine)
    }
}
