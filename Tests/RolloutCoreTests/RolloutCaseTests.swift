import FleetModel
import RolloutCore
import Testing

/// The table of cases: each is played as it stands, with every event twice, and killed and restored before every event;
/// all three must end alike.
@Suite struct RolloutCaseTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var waves: [Wave] = [Wave(name: "all", cumulativeShare: 1, deadline: .seconds(100))]
        var events: [(Int64, RolloutEvent)]
        var state: RolloutState
        /// pending, offered, succeeded, failed, timed out, rolled back.
        var counts: [Int]
        var reason = ""
        var testDescription: String { name }
    }

    /// A wave with a deadline of 100 s; `ids` narrows it to these devices.
    static func wave(
        _ name: String, _ share: Double, ids: [String] = [], receipts: Double = 1, failures: Double = 0, soak: Int64 = 0
    ) -> Wave {
        Wave(
            name: name, cumulativeShare: share,
            selector: Selector(terms: ids.isEmpty ? [] : [Selector.Term(key: "id", isEqual: true, values: ids)]),
            gate: Gate(minimumReceipts: receipts, maximumFailures: failures, soak: .seconds(soak)),
            deadline: .seconds(100))
    }

    /// d2, then the rest.
    static let canary = [wave("canary", 0.25, ids: ["d2"]), wave("rest", 1)]
    static let soaking = [wave("canary", 0.25, ids: ["d2"], soak: 60), wave("rest", 1)]
    static let lenient = [wave("all", 1, receipts: 0.5, failures: 0.5)]

    static let receipts: [Case] = [
        Case(
            name: "all receive", events: [(1, .receipt(0)), (1, .receipt(1)), (1, .receipt(2)), (1, .receipt(3))],
            state: .completed, counts: [0, 0, 4, 0, 0, 0], reason: "4 of 4"),
        Case(
            name: "one is missing", events: [(1, .receipt(0)), (1, .receipt(1)), (1, .receipt(2))], state: .running,
            counts: [0, 1, 3, 0, 0, 0]),
        Case(
            name: "a receipt for another release is none",
            events: [(1, .receipt(RolloutScript.device(0), release: RolloutScript.other))], state: .running,
            counts: [0, 4, 0, 0, 0, 0]),
        Case(
            name: "a receipt of a stranger is none",
            events: [(1, .receipt(RolloutScript.device(77), release: RolloutScript.release))], state: .running,
            counts: [0, 4, 0, 0, 0, 0]),
        Case(
            name: "running the release without a receipt is no success",
            events: [(1, .settled(0, RolloutScript.release))], state: .running, counts: [0, 4, 0, 0, 0, 0]),
        Case(
            name: "the canary alone is offered first", waves: canary, events: [], state: .running,
            counts: [3, 1, 0, 0, 0, 0]),
        Case(
            name: "the canary's receipt begins the next wave", waves: canary, events: [(1, .receipt(2))],
            state: .running, counts: [0, 3, 1, 0, 0, 0]),
        Case(
            name: "half of the receipts suffice where the gate says so", waves: lenient,
            events: [(1, .receipt(0)), (1, .receipt(1))], state: .completed, counts: [0, 2, 2, 0, 0, 0]),
        Case(
            name: "the soak holds the gate", waves: soaking,
            events: [(10, .receipt(2)), (69, .tick)], state: .running, counts: [3, 0, 1, 0, 0, 0]),
        Case(
            name: "after the soak the gate opens", waves: soaking,
            events: [(10, .receipt(2)), (70, .tick)], state: .running, counts: [0, 3, 1, 0, 0, 0]),
        Case(
            name: "a wave without devices passes at once", waves: [wave("nobody", 0), wave("rest", 1)], events: [],
            state: .running, counts: [0, 4, 0, 0, 0, 0]),
        Case(
            name: "a device that left no longer holds the gate",
            events: [(1, .receipt(0)), (1, .receipt(1)), (1, .receipt(2)), (2, .removed(RolloutScript.device(3)))],
            state: .completed, counts: [0, 0, 3, 0, 0, 0]),
    ]

    static let failures: [Case] = [
        Case(
            name: "one failure pauses where none is allowed", events: [(1, .failed(1))], state: .paused,
            counts: [0, 3, 0, 1, 0, 0],
            reason: "wave 'all': 1 of 4 devices failed or timed out, more than the 0 % allowed "
                + "(last: d1, proofFailed, said so)"),
        Case(
            name: "a failure of another release is none",
            events: [
                (1, .failed(RolloutScript.device(0), release: RolloutScript.other, failure: .noSpace, detail: ""))
            ], state: .running, counts: [0, 4, 0, 0, 0, 0]),
        Case(
            name: "failures up to the allowed share do not pause", waves: lenient,
            events: [(1, .failed(0)), (1, .failed(1))], state: .running, counts: [0, 2, 0, 2, 0, 0]),
        Case(
            name: "one more does", waves: lenient, events: [(1, .failed(0)), (1, .failed(1)), (1, .failed(2))],
            state: .paused, counts: [0, 1, 0, 3, 0, 0], reason: "3 of 4"),
        Case(
            name: "silence until the deadline is a time-out, and counts as lost", events: [(99, .tick), (100, .tick)],
            state: .paused, counts: [0, 0, 0, 0, 4, 0], reason: "d3 was not heard of in time"),
        Case(
            name: "a receipt in the deadline's last second is in time",
            events: [(99, .receipt(0)), (99, .receipt(1)), (99, .receipt(2)), (99, .receipt(3)), (100, .tick)],
            state: .completed, counts: [0, 0, 4, 0, 0, 0]),
        Case(
            name: "a late receipt is still a success", events: [(100, .tick), (200, .receipt(1))], state: .paused,
            counts: [0, 0, 1, 0, 3, 0]),
        Case(
            name: "a device that went back by itself is lost",
            events: [(1, .receipt(0)), (5, .failed(0, .probationErrors))],
            state: .paused, counts: [0, 3, 0, 1, 0, 0], reason: "probationErrors"),
        Case(
            name: "a gate that can no longer be reached pauses", waves: [wave("all", 1, receipts: 1, failures: 0.5)],
            events: [(1, .failed(0))], state: .paused, counts: [0, 3, 0, 1, 0, 0], reason: "at most 3 of the 4 receipts"
        ),
        Case(
            name: "a failure in an earlier wave pauses too",
            waves: [wave("half", 0.5, ids: ["d1", "d2"], receipts: 0.5), wave("rest", 1)],
            events: [(1, .receipt(2)), (2, .failed(2))], state: .paused, counts: [0, 3, 0, 1, 0, 0],
            reason: "wave 'half'"),
    ]

    static let commands: [Case] = [
        Case(
            name: "a pause holds the next wave back", waves: canary,
            events: [(1, .command(.pause)), (2, .receipt(2))], state: .paused, counts: [3, 0, 1, 0, 0, 0],
            reason: "asked"),
        Case(
            name: "a resume lets it begin", waves: canary,
            events: [(1, .command(.pause)), (2, .receipt(2)), (3, .command(.resume))], state: .running,
            counts: [0, 3, 1, 0, 0, 0]),
        Case(
            name: "a resume offers again to those who failed",
            events: [(1, .failed(1)), (50, .command(.resume)), (120, .receipt(1))], state: .paused,
            counts: [0, 0, 1, 0, 3, 0]),
        Case(
            name: "deadlines go on during a pause", events: [(1, .command(.pause)), (100, .tick)], state: .paused,
            counts: [0, 0, 0, 0, 4, 0]),
        Case(
            name: "aborting waits for those who were offered", waves: canary, events: [(1, .command(.abort))],
            state: .aborting, counts: [3, 1, 0, 0, 0, 0]),
        Case(
            name: "aborted once they run what they ran before", waves: canary,
            events: [(1, .command(.abort)), (2, .settled(2))], state: .aborted, counts: [3, 0, 0, 0, 0, 1]),
        Case(
            name: "aborted at the latest at the deadline", waves: canary,
            events: [(1, .command(.abort)), (101, .tick)], state: .aborted, counts: [3, 0, 0, 0, 1, 0]),
        Case(
            name: "aborting keeps those who succeeded",
            events: [(1, .receipt(0)), (2, .command(.abort)), (3, .settled(1)), (3, .settled(2)), (3, .settled(3))],
            state: .aborted, counts: [0, 0, 1, 0, 0, 3]),
        Case(
            name: "rolling back sends everybody back who was reached", waves: canary,
            events: [(1, .receipt(2)), (2, .command(.rollback)), (3, .settled(0)), (3, .settled(1)), (3, .settled(2))],
            state: .rollingBack, counts: [0, 1, 0, 0, 0, 3]),
        Case(
            name: "rolled back when the last one is", waves: canary,
            events: [
                (1, .receipt(2)), (2, .command(.rollback)), (3, .settled(0)), (3, .settled(1)), (3, .settled(2)),
                (4, .settled(3)),
            ], state: .rolledBack, counts: [0, 0, 0, 0, 0, 4]),
        Case(
            name: "a receipt that arrives during the way back changes nothing",
            events: [(1, .command(.rollback)), (2, .receipt(0)), (3, .settled(1))], state: .rollingBack,
            counts: [0, 3, 0, 0, 0, 1]),
        Case(
            name: "running the new release is not having gone back",
            events: [(1, .command(.rollback)), (2, .settled(0, RolloutScript.release))], state: .rollingBack,
            counts: [0, 4, 0, 0, 0, 0]),
        Case(
            name: "who does not answer has timed out on the way back",
            events: [(1, .command(.rollback)), (2, .settled(0)), (101, .tick)], state: .rolledBack,
            counts: [0, 0, 0, 0, 3, 1]),
        Case(
            name: "a completed rollout can be rolled back", waves: lenient,
            events: [(1, .receipt(0)), (1, .receipt(1)), (2, .command(.rollback))], state: .rollingBack,
            counts: [0, 4, 0, 0, 0, 0]),
        Case(
            name: "a newcomer joins the last wave", waves: canary,
            events: [(1, .devices([RolloutScript.candidate(4)]))], state: .running, counts: [4, 1, 0, 0, 0, 0]),
        Case(
            name: "a newcomer after the end is offered the release, and the rollout stays completed", waves: lenient,
            events: [
                (1, .receipt(0)), (1, .receipt(1)), (1, .receipt(2)), (1, .receipt(3)),
                (9, .devices([RolloutScript.candidate(4)])), (10, .failed(4)),
            ], state: .completed, counts: [0, 0, 4, 1, 0, 0]),
        Case(
            name: "nobody joins an aborted rollout",
            events: [(1, .command(.abort)), (101, .tick), (102, .devices([RolloutScript.candidate(4)]))],
            state: .aborted, counts: [0, 0, 0, 0, 4, 0]),
    ]

    @Test(
        "the table of cases, also with every event twice and killed before every event",
        arguments: receipts + failures + commands)
    func cases(_ example: Case) {
        let plain = RolloutScript(waves: example.waves, events: example.events).play().machine
        #expect(plain.snapshot.state == example.state)
        let counts = plain.snapshot.counts
        #expect(
            [counts.pending, counts.offered, counts.succeeded, counts.failed, counts.timedOut, counts.rolledBack]
                == example.counts)
        #expect(example.reason.isEmpty || plain.snapshot.reason.contains(example.reason), "\(plain.snapshot.reason)")
        let twice = RolloutScript(waves: example.waves, events: example.events, repetitions: 2).play().machine
        #expect(twice.snapshot == plain.snapshot)
        let killed = RolloutScript(waves: example.waves, events: example.events, isKilledAtEveryStep: true).play()
            .machine
        #expect(killed.snapshot == plain.snapshot)
    }
}
