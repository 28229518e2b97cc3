import FleetModel
import FleetStore
import FleetWire
import GRDB
import Testing

@testable import FleetController

@Suite("Rollouts")
struct RolloutTests {
    let fleet: TestFleet
    let devices: [DeviceID]

    init() async throws {
        fleet = try await TestFleet()
        devices = try await fleet.makeDevices(["d1", "d2", "d3", "d4"])
    }

    private func start(
        _ release: ReleaseDetail,
        waves: [Wave] = [
            Wave(name: "canary", cumulativeShare: 0.25), Wave(name: "rest", cumulativeShare: 1),
        ]
    ) async throws -> Int64 {
        let rollouts = fleet.controller.rollouts
        let record = try await rollouts.create(
            RolloutRequest(release: release.record.name, waves: waves), by: TestFleet.alice)
        #expect(record.state == .scheduled)
        let id = try #require(record.id)
        #expect(try await rollouts.start(id, by: TestFleet.alice).state == .running)
        return id
    }

    private func record(_ id: Int64) async throws -> RolloutRecord {
        try #require(try await fleet.read { try RolloutRecord.fetchOne($0, key: id) })
    }

    private func offered(_ id: Int64) async throws -> [DeviceID] {
        try await fleet.read {
            try RolloutDeviceRecord.filter(Column("rollout") == id && Column("state") == RolloutDeviceState.offered)
                .order(Column("device")).fetchAll($0).map(\.device)
        }
    }

    private func desired(_ device: DeviceID) async throws -> Digest? {
        try await fleet.read { try DeviceSlotRecord.filter(Column("device") == device).fetchOne($0)?.desiredRelease }
    }

    @Test("receipts carry it wave by wave to its end, however often the controller is killed in between")
    func waves() async throws {
        let release = try await fleet.approvedRelease()
        let id = try await start(release)
        let canary = try await offered(id)
        #expect(canary.count == 1)
        try fleet.restart()
        await fleet.ingest([try await fleet.committed(canary[0], release)])
        try fleet.restart()
        let rest = try await offered(id)
        #expect(rest == devices.filter { $0 != canary[0] })
        for device in rest {
            await fleet.ingest([try await fleet.committed(device, release)])
            try fleet.restart()
        }
        #expect(try await record(id).state == .completed)
        #expect(try await fleet.controller.releases.get(release.record.name).record.stage == .released)
        for device in devices { #expect(try await desired(device) == release.record.digest) }
    }

    @Test("it waits for its release's approval, and cannot start before")
    func awaitsApproval() async throws {
        try await fleet.makeKeys()
        let version = try await fleet.pushVersion()
        let name = try await fleet.controller.releases.create(
            ReleaseRequest(versions: [.main: version]), by: TestFleet.alice
        ).record.name
        let rollouts = fleet.controller.rollouts
        let record = try await rollouts.create(
            RolloutRequest(release: name, waves: [Wave(name: "all", cumulativeShare: 1)]), by: TestFleet.alice)
        #expect(record.state == .awaitingApproval)
        let id = try #require(record.id)
        let error = await #expect(throws: ControllerError.self) { try await rollouts.start(id, by: TestFleet.alice) }
        #expect(error?.code == .wrongState)
        for (index, person) in [TestFleet.alice, TestFleet.bob].enumerated() {
            _ = try await fleet.controller.releases.sign(
                name, key: fleet.keys[index].id, signature: fleet.signature(name, key: index), by: person)
        }
        #expect(try await self.record(id).state == .scheduled)
    }

    @Test("a failed canary pauses it, opens an alert, and resuming offers again")
    func failure() async throws {
        let release = try await fleet.approvedRelease()
        let id = try await start(release)
        let canary = try await offered(id)[0]
        let digest = try #require(release.record.digest)
        await fleet.ingest([
            try await fleet.reported(canary, phase: .failed, target: digest, failure: .proofFailed)
        ])
        let paused = try await record(id)
        #expect(paused.state == .paused)
        let alert = try await fleet.read { try AlertRecord.fetchOne($0) }
        #expect(alert?.kind == .rollout)
        #expect(alert?.closedAt == nil)
        _ = try await fleet.controller.rollouts.resume(id, by: TestFleet.alice)
        #expect(try await offered(id) == [canary])
        #expect(try await fleet.read { try AlertRecord.fetchOne($0)?.closedAt } != nil)
        // What the device said before it saw the new offer is about the old one.
        let stale = Reported(
            observedGeneration: 1,
            slots: [
                ReportedSlot(
                    slot: .main, phase: .failed, target: digest, progress: 1, failure: .proofFailed, detail: "",
                    champion: nil, previous: nil, receipts: [])
            ])
        await fleet.ingest([(.reported(canary), stale.encoded())])
        #expect(try await record(id).state == .running)
    }

    @Test("a silent device times out at its deadline and never counts as success")
    func timeout() async throws {
        let release = try await fleet.approvedRelease()
        let id = try await start(
            release, waves: [Wave(name: "all", cumulativeShare: 1, deadline: .minutes(10))])
        for device in devices.dropLast() { await fleet.ingest([try await fleet.committed(device, release)]) }
        fleet.clock.advance(.minutes(11))
        try await fleet.controller.rollouts.tick()
        #expect(try await record(id).state == .paused)
        let last = try await fleet.read {
            try RolloutDeviceRecord.filter(Column("device") == devices[3]).fetchOne($0)?.state
        }
        #expect(last == .timedOut)
    }

    /// Two releases on their way to all devices, of which nothing was heard yet.
    private func twoRollouts() async throws -> (first: ReleaseDetail, second: ReleaseDetail, id: Int64) {
        let all = [Wave(name: "all", cumulativeShare: 1)]
        let first = try await fleet.approvedRelease()
        _ = try await start(first, waves: all)
        let second = try await fleet.approvedRelease()
        return (first, second, try await start(second, waves: all))
    }

    @Test("a device goes back to a release whose commit was heard of after the rollout began, if its receipt shows it")
    func unheardOf() async throws {
        let (first, second, id) = try await twoRollouts()
        let ran = first.record.digest
        // One has committed both by now. The other says so of the first, and has no receipt.
        await fleet.ingest([
            try await fleet.committed(devices[0], second, previous: ran, after: [first]),
            try await fleet.committed(devices[1], second, previous: ran),
        ])
        _ = try await fleet.controller.rollouts.rollback(id, by: TestFleet.alice)
        #expect(try await desired(devices[0]) == ran)
        #expect(try await desired(devices[1]) == nil)
        // Now its receipt comes too: the rollback is not over before it has gone back.
        await fleet.ingest([try await fleet.committed(devices[1], second, previous: ran, after: [first])])
        #expect(try await desired(devices[1]) == ran)
        #expect(try await record(id).state == .rollingBack)
    }

    @Test("what a newer rollout wants of a device is not overruled by one that is being taken back")
    func overruled() async throws {
        let (first, second, old) = try await twoRollouts()
        _ = try await fleet.controller.rollouts.rollback(old, by: TestFleet.alice)
        #expect(try await desired(devices[0]) == nil)
        _ = try await start(second, waves: [Wave(name: "all", cumulativeShare: 1)])
        await fleet.ingest([
            try await fleet.committed(devices[0], second, previous: first.record.digest, after: [first])
        ])
        #expect(try await desired(devices[0]) == second.record.digest)
    }

    @Test("a slot that the release does not fill says nothing of the way back")
    func otherSlot() async throws {
        let release = try await fleet.approvedRelease()
        let id = try await start(release, waves: [Wave(name: "all", cumulativeShare: 1)])
        _ = try await fleet.controller.rollouts.rollback(id, by: TestFleet.alice)
        let generation = try await fleet.read { try DeviceRecord.fetchOne($0, key: devices[0])?.generation ?? 0 }
        func slot(_ name: SlotName, _ phase: InstallPhase) -> ReportedSlot {
            ReportedSlot(
                slot: name, phase: phase, target: nil, progress: 1, failure: nil, detail: "", champion: nil,
                previous: nil, receipts: [])
        }
        func reported(agent: InstallPhase, main: InstallPhase) -> [(Topic, [UInt8])] {
            let slots = [slot(.agent, agent), slot(.main, main)]
            return [(.reported(devices[0]), Reported(observedGeneration: UInt64(generation), slots: slots).encoded())]
        }
        await fleet.ingest(reported(agent: .idle, main: .fetching))
        #expect(try await offered(id).contains(devices[0]))
        await fleet.ingest(reported(agent: .fetching, main: .idle))
        #expect(!(try await offered(id).contains(devices[0])))
    }

    @Test("rolling back sends every device to what it ran before")
    func rollback() async throws {
        let first = try await fleet.approvedRelease()
        let all = [Wave(name: "all", cumulativeShare: 1)]
        _ = try await start(first, waves: all)
        for device in devices { await fleet.ingest([try await fleet.committed(device, first)]) }
        let second = try await fleet.approvedRelease()
        #expect(second.manifest.mayReturnTo == [try #require(first.record.digest)])
        let id = try await start(second, waves: all)
        for device in devices { await fleet.ingest([try await fleet.committed(device, second)]) }
        #expect(try await record(id).state == .completed)
        _ = try await fleet.controller.rollouts.rollback(id, reason: "too warm", by: TestFleet.alice)
        for device in devices { #expect(try await desired(device) == first.record.digest) }
        for device in devices {
            await fleet.ingest([
                try await fleet.reported(
                    device, phase: .committed, target: first.record.digest, champion: first.record.digest)
            ])
        }
        #expect(try await record(id).state == .rolledBack)
    }

    @Test("a device that joins later is offered what the others run")
    func newcomer() async throws {
        let release = try await fleet.approvedRelease()
        _ = try await start(release, waves: [Wave(name: "all", cumulativeShare: 1)])
        for device in devices { await fleet.ingest([try await fleet.committed(device, release)]) }
        let late = try await fleet.makeDevices(["late"])[0]
        #expect(try await desired(late) == release.record.digest)
    }

    @Test("a rollout that reaches no device cannot start")
    func nobody() async throws {
        let release = try await fleet.approvedRelease()
        let record = try await fleet.controller.rollouts.create(
            RolloutRequest(
                release: release.record.name, selector: try Selector("side=X"),
                waves: [Wave(name: "all", cumulativeShare: 1)]), by: TestFleet.alice)
        let error = await #expect(throws: ControllerError.self) {
            try await fleet.controller.rollouts.start(record.id ?? 0, by: TestFleet.alice)
        }
        #expect(error?.code == .wrongState)
    }

    @Test(
        "a plan that makes no sense is refused",
        arguments: [
            [], [Wave(name: "a", cumulativeShare: 0.5), Wave(name: "b", cumulativeShare: 0.4)],
            [Wave(name: "a", cumulativeShare: 1.5)],
            [Wave(name: "a", cumulativeShare: 1, gate: Gate(minimumReceipts: 2))],
            [Wave(name: "a", cumulativeShare: 1, deadline: .seconds(0))],
            Array(repeating: Wave(name: "a", cumulativeShare: 1), count: ControllerLimits.waves + 1),
        ])
    func badPlan(waves: [Wave]) async throws {
        let release = try await fleet.approvedRelease()
        let error = await #expect(throws: ControllerError.self) {
            try await fleet.controller.rollouts.create(
                RolloutRequest(release: release.record.name, waves: waves), by: TestFleet.alice)
        }
        #expect(error?.code == .invalid)
    }
}
