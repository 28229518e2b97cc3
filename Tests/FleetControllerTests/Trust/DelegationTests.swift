import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import Testing

@testable import FleetController

/// Unattended retraining under a delegation: as far as the canaries, and no further.
@Suite("Delegation to the automation key")
struct DelegationTests {
    private static let admin = Identity(name: "admin", role: .admin)
    private static let policy = """
        {"model":"m","triggers":{"annotations":{"count":1}},
         "rollout":{"selector":"*","waves":[{"name":"all","share":1}]}}
        """
    let fleet: TestFleet
    let root: OfflineRoot
    let automation: SigningKey

    init() async throws {
        fleet = try await TestFleet()
        root = try OfflineRoot()
        automation = try SigningKey.generate()
        try PinnedRoot.pin(root.key.publicKey, in: fleet.folder)
        let file = fleet.controller.configuration.automationKeyFile
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try automation.write(pemFile: file.path)
        try await fleet.makeDevices((0..<20).map { "l\($0)" }, tags: ["side": "L"])
        try await fleet.makeDevices((0..<20).map { "r\($0)" }, tags: ["side": "R"])
    }

    private var retraining: RetrainService { fleet.controller.retraining }
    private var document: RetrainDocument {
        get throws { try RetrainDocument(document: Data(Self.policy.utf8)) }
    }

    private func delegate(
        _ number: UInt64 = 1, models: [String] = ["m"], share: Float = 0.5, lasting: Interval = .days(30)
    ) async throws {
        let now = fleet.clock.now
        let delegation = Delegation(
            key: OfflineRoot.trusted(automation, "retraining"), models: models.map { ModelName(unchecked: $0) },
            group: "side=L", canaryShare: share, expires: now.advanced(by: lasting))
        try await fleet.controller.trust.install(
            root.roles(number, expires: now.advanced(by: .days(365)), delegations: [delegation]), by: Self.admin)
    }

    private func rollouts() async throws -> [RolloutOverview] {
        try await fleet.controller.store.queries.rollouts(limit: 10).items.sorted {
            $0.rollout.id ?? 0 < $1.rollout.id ?? 0
        }
    }

    @Test("a candidate goes to the canaries at once, and the rest waits in words for the people who must sign")
    func wholeWay() async throws {
        try await delegate()
        let version = try await fleet.pushVersion()
        var journey = try await retraining.release(7, version, document, "p")
        guard case .canary(_, _, let canary) = journey else {
            Issue.record("\(journey)")
            return
        }
        // Made and started, then waited for; a restart at any of these points does nothing twice.
        for _ in 0..<3 {
            if let next = try await retraining.canary(7, version, canary, document, "p") { journey = next }
        }
        #expect(try await retraining.release(7, version, document, "p") == journey)
        let first = try #require(try await rollouts().first)
        #expect(first.rollout.state == .running)
        let offered = try await fleet.controller.store.queries.rolloutDevices(1).map(\.entry.device)
        #expect((1...19).contains(offered.count))
        #expect(offered.allSatisfy { $0.text.hasPrefix("l") })
        let release = try await fleet.controller.releases.get(canary)
        for device in offered { await fleet.ingest([try await fleet.committed(device, release)]) }
        #expect(try await rollouts().first?.rollout.state == .completed)
        let next = try await retraining.canary(7, version, canary, document, "p")
        #expect(next == .approving(run: 7, release: ReleaseName(unchecked: "m-1")))
        let waiting = try #require(try await rollouts().last)
        #expect(waiting.rollout.state == .awaitingApproval)
        #expect(waiting.reason == "release 'm-1' needs the signatures of 2 people; may sign: someone, someone")
        // A person's signature is counted, an automation key's is none of theirs.
        let signed = try await fleet.controller.releases.toBeSigned(
            ReleaseName(unchecked: "m-1"), key: automation.keyID)
        let refused = await #expect(throws: ControllerError.self) {
            try await fleet.controller.releases.sign(
                ReleaseName(unchecked: "m-1"), key: automation.keyID, signature: try automation.sign(signed),
                by: TestFleet.bob)
        }
        #expect(refused?.code == .badSignature)
    }

    @Test("without a delegation for the model, or after its end, people are asked at once", arguments: [0, 1, 2])
    func beyond(_ reason: Int) async throws {
        switch reason {
        case 0: try await delegate(models: ["other"])
        case 1:
            try await delegate()
            fleet.clock.advance(.days(31))
        default: try await fleet.makeKeys()
        }
        let version = try await fleet.pushVersion()
        let journey = try await retraining.release(7, version, document, "p")
        #expect(journey == .approving(run: 7, release: ReleaseName(unchecked: "m-1")))
        #expect(try await rollouts().map(\.rollout.state) == [.awaitingApproval])
        let error = await #expect(throws: ControllerError.self) {
            try await fleet.controller.releases.signByAutomation(ReleaseName(unchecked: "m-1"))
        }
        #expect(error?.code == .badSignature)
    }

    @Test("a share that reaches no device of the policy's asks people instead of waiting for ever")
    func nobody() async throws {
        try await delegate(share: 0.000001)
        let version = try await fleet.pushVersion()
        guard case .canary(_, _, let canary) = try await retraining.release(7, version, document, "p") else {
            Issue.record("no canary release")
            return
        }
        _ = try await retraining.canary(7, version, canary, document, "p")
        let next = try await retraining.canary(7, version, canary, document, "p")
        #expect(next == .approving(run: 7, release: ReleaseName(unchecked: "m-1")))
        #expect(try await rollouts().map(\.rollout.state) == [.aborted, .awaitingApproval])
    }

    @Test("a rollout of it by hand reaches the same canaries, and after the delegation's end nobody new")
    func byHand() async throws {
        try await delegate()
        let version = try await fleet.pushVersion()
        let releases = fleet.controller.releases
        let name = try await releases.create(ReleaseRequest(versions: [.main: version]), by: TestFleet.alice).record
            .name
        try await releases.signByAutomation(name)
        let all = [Wave(name: "all", cumulativeShare: 1)]
        let rollout = try await fleet.controller.rollouts.create(
            RolloutRequest(release: name, waves: all), by: TestFleet.alice)
        _ = try await fleet.controller.rollouts.start(try #require(rollout.id), by: TestFleet.alice)
        let before = try await fleet.controller.store.queries.rolloutDevices(1).count
        #expect((1...19).contains(before))
        try await fleet.controller.trust.install(
            root.roles(2, expires: fleet.clock.now.advanced(by: .days(365))), by: Self.admin)
        try await fleet.makeDevices((100..<140).map { "l\($0)" }, tags: ["side": "L"])
        #expect(try await fleet.controller.store.queries.rolloutDevices(1).count == before)
        let again = try await fleet.controller.rollouts.create(
            RolloutRequest(release: name, waves: all), by: TestFleet.alice)
        let error = await #expect(throws: ControllerError.self) {
            _ = try await fleet.controller.rollouts.start(try #require(again.id), by: TestFleet.alice)
        }
        #expect(error?.message.contains("delegation is over") == true)
    }
}
