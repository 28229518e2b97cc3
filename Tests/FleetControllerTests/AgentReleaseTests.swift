import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import GRDB
import Testing

@testable import FleetController

@Suite("Releases of the devices' own program")
struct AgentReleaseTests {
    let fleet: TestFleet

    init() async throws { fleet = try await TestFleet() }

    @Test("a pushed program is released alone, in its own slot, for its hardware, and is audited")
    func release() async throws {
        let release = try await fleet.approvedAgent([1, 2, 3])
        #expect(release.record.stage == .approved && release.record.name.text == "martlet-agent-1")
        let part = try #require(release.manifest.part(for: .agent))
        #expect(part.kind == .agent(version: "1.4.0") && release.manifest.parts.count == 1)
        #expect(part.image == ImageReference(digest: SHA256.hash([1, 2, 3]), bytes: 3, arenaBytes: 0))
        #expect(release.manifest.compatibility.hardware == ["x86_64-generic"])
        let audit = try await fleet.read { try AuditEntryRecord.fetchAll($0) }
        #expect(audit.contains { $0.command == "agents.push" && $0.subject == "martlet-agent:1" })
    }

    @Test("what is no program, for no hardware or there already is refused")
    func badPush() async throws {
        let agents = fleet.controller.agents
        _ = try await agents.push([1], name: "1", hardware: ["x"], by: TestFleet.alice)
        for (program, name, hardware) in [
            ([UInt8](), "1", ["x"]), ([2], "", ["x"]), ([2], "1", []), ([2], "1", [""]), ([1], "2", ["x"]),
        ] {
            await #expect(throws: ControllerError.self) {
                try await agents.push(program, name: name, hardware: hardware, by: TestFleet.alice)
            }
        }
        let error = await #expect(throws: ControllerError.self) {
            try await agents.push([3], name: "1", hardware: ["x"], by: TestFleet.viewer)
        }
        #expect(error?.code == .forbidden)
    }

    @Test("an agent goes in no model's slot, a model not in the agent's, and neither beside the other")
    func kinds() async throws {
        let agent = try await fleet.controller.agents.push([1], name: "1", hardware: ["x"], by: TestFleet.alice).id
        let model = try await fleet.pushVersion()
        for versions in [[.main: agent], [.agent: model], [.agent: agent, .main: model]] as [[SlotName: VersionID]] {
            let error = await #expect(throws: ControllerError.self) {
                try await fleet.controller.releases.create(ReleaseRequest(versions: versions), by: TestFleet.alice)
            }
            #expect(error?.code == .invalid)
        }
        await #expect(throws: ControllerError.self) { try await fleet.pushVersion("martlet-agent") }
        await #expect(throws: ControllerError.self) {
            try await fleet.controller.models.setMaterial(agent, TestFleet.part(), by: TestFleet.alice)
        }
    }

    @Test("it is rolled out in waves: receipts carry it, and a device that went back stops it with its reason")
    func rollout() async throws {
        let devices = try await fleet.makeDevices(["d1", "d2"])
        let release = try await fleet.approvedAgent([1, 2, 3])
        let waves = [Wave(name: "canary", cumulativeShare: 0.5), Wave(name: "rest", cumulativeShare: 1)]
        let rollouts = fleet.controller.rollouts
        let id = try #require(
            try await rollouts.create(RolloutRequest(release: release.record.name, waves: waves), by: TestFleet.alice)
                .id)
        _ = try await rollouts.start(id, by: TestFleet.alice)
        let canary = try #require(
            try await fleet.read { try DeviceSlotRecord.fetchAll($0) }.first { $0.desiredRelease != nil })
        #expect(canary.slot == .agent && canary.desiredRelease == release.record.digest)
        await fleet.ingest([try await fleet.committed(canary.device, release)])
        let rest = try #require(devices.first { $0 != canary.device })
        await fleet.ingest([
            try await fleet.reported(
                rest, slot: .agent, phase: .rolledBack, target: release.record.digest, failure: .crashed)
        ])
        let record = try #require(try await fleet.read { try RolloutRecord.fetchOne($0, key: id) })
        #expect(record.state == .paused && record.pauseReason?.contains("crashed") == true)
    }
}
