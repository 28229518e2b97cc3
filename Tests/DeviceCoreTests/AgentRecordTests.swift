import DeviceCore
import FleetModel
import FleetWire
import Testing

@Suite("The agent's record")
struct AgentRecordTests {
    private let one = Fixture.digest(1)
    private let two = Fixture.digest(2)

    private func expect(
        _ record: inout AgentRecord, at uptime: Int, _ start: AgentStart,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let found = record.start(at: uptime)
        #expect(found == start, sourceLocation: sourceLocation)
    }

    /// Whether a confirmation by a program is to be stored.
    private func expectNews(
        _ record: inout AgentRecord, _ program: Digest?, _ isNews: Bool,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let found = record.confirm(program)
        #expect(found == isNews, sourceLocation: sourceLocation)
    }

    private func stored(_ record: AgentRecord) throws -> AgentRecord { try AgentRecord(decoding: record.encoded()) }

    @Test("without one the installed program runs, as often as it is started")
    func installed() {
        var record = AgentRecord()
        for uptime in 0..<20 {
            expect(&record, at: uptime, .installed)
        }
        #expect(record == AgentRecord())
    }

    @Test("a program on trial is started three times, then the installed one again, with the reason")
    func exhausted() throws {
        var record = AgentRecord()
        record.attempt(one, from: nil)
        for uptime in [100, 110, 120] {
            expect(&record, at: uptime, .program(one, isTrial: true))
            record = try stored(record)
        }
        expect(&record, at: 127, .installed)
        #expect(record.failed?.program == one)
        let reason = "the new agent ended 3 times before it was confirmed, the last time within 7 s"
        #expect(record.failed?.reason == reason)
        expect(&record, at: 200, .installed)
    }

    @Test("a program on trial over a committed one makes way for that one, and that one for the installed")
    func chain() throws {
        var record = AgentRecord()
        record.settle(on: one, previous: nil)
        record.attempt(two, from: one)
        for _ in 0..<AgentRecord.trialStarts {
            expect(&record, at: 0, .program(two, isTrial: true))
        }
        for _ in 0..<AgentRecord.steadyStarts {
            expect(&record, at: 0, .program(one, isTrial: false))
            #expect(record.failed?.program == two)
            record = try stored(record)
        }
        expect(&record, at: 0, .installed)
        #expect(record.failed?.program == one)
    }

    @Test("a committed program that lives for a while may be started as often again; one on trial may not")
    func confirm() {
        var record = AgentRecord()
        record.attempt(one, from: nil)
        _ = record.start(at: 0)
        let onTrial = record
        expectNews(&record, one, false)
        #expect(record == onTrial)
        record.settle(on: one, previous: nil)
        expectNews(&record, one, false)
        _ = record.start(at: 0)
        expectNews(&record, nil, false)
        expectNews(&record, two, false)
        expectNews(&record, one, true)
        #expect(record.startsLeft == AgentRecord.steadyStarts)
    }

    @Test("a damaged program is left without a reproach, one that cannot be started with the cause")
    func leave() {
        var record = AgentRecord()
        record.attempt(two, from: one)
        record.leave(because: nil)
        #expect(record.chosen == one && record.failed == nil && !record.isTrial)
        record.leave(because: String(repeating: "x", count: 1000))
        #expect(record.chosen == nil && record.failed?.reason.count == UpdateLimits.detailLength)
        record.leave(because: "again")
        #expect(record.failed?.program == one)
    }

    @Test("another attempt forgets what was held against the last; a program never falls back to itself")
    func again() {
        var record = AgentRecord()
        record.attempt(one, from: nil)
        record.leave(because: "it failed")
        record.settle(on: nil, previous: nil)
        #expect(record.failed?.program == one)
        record.attempt(one, from: nil)
        #expect(record.failed == nil)
        record.settle(on: one, previous: one)
        #expect(record.fallback == nil)
    }

    @Test("a record with another number of starts than there can be is none")
    func coding() throws {
        var record = AgentRecord()
        record.attempt(two, from: one)
        _ = record.start(at: 12)
        #expect(try stored(record) == record)
        #expect(throws: WireError.self) { try AgentRecord(decoding: [0xA1, 0x04, 0x18, 0x63]) }
    }
}

@Suite("A slot whose program was left")
struct AbandonedTests {
    private let one = Fixture.digest(1, 1)
    private let two = Fixture.digest(2, 1)

    /// A slot with champion 1, and release 2 on probation.
    private var onProbation: SlotWorld {
        var world = SlotWorld()
        world.feed(.desired(Fixture.target(2)))
        return world
    }

    @Test("on probation it is rolled back at once, with the reason, and not begun again by the same wish")
    func probation() {
        var world = onProbation
        #expect(world.serving?.release == two)
        world.feed(.abandoned(release: two, detail: "it hangs"))
        let state = world.machine.state
        #expect(state.phase == .rolledBack && state.failure == .crashed && state.detail == "it hangs")
        #expect(world.serving?.release == one && state.strikes.first?.release == two)
        world.feed(.desired(Fixture.target(2)))
        #expect(world.machine.state.phase == .rolledBack)
    }

    @Test("a committed one makes way for the one before it, if its manifest lets the device return")
    func committed() {
        var world = onProbation
        for _ in 0..<5 { world.feed(.inferred(release: two, latencyMicroseconds: 80, failed: false)) }
        #expect(world.machine.state.phase == .committed)
        world.feed(.abandoned(release: two, detail: "it ended ten times"))
        let state = world.machine.state
        #expect(state.phase == .rolledBack && state.champion?.release == one && world.serving?.release == one)
        #expect(state.target?.release == two && state.detail == "it ended ten times")
    }

    @Test("what is said of another release changes nothing")
    func other() {
        for release in [one, Fixture.digest(3, 1)] {
            var world = onProbation
            let before = world.machine.state
            world.feed(.abandoned(release: release, detail: "late"))
            #expect(world.machine.state == before)
        }
    }

    @Test("without a release before it the installed program serves: none")
    func first() {
        var state = Fixture.settled
        state.champion = nil
        state.committed = []
        var world = SlotWorld(state)
        world.feed(.desired(Fixture.target(2)))
        world.feed(.abandoned(release: two, detail: "it hangs"))
        #expect(world.machine.state.phase == .rolledBack && world.serving == nil)
    }
}
