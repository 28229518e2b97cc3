import DeviceHost
import FleetClient
import FleetController
import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import MQTTTransport
import Synchronization
import Testing

@testable import VirtualFleet

/// Every attack of the table in docs/trust.md, from the real broker to the HTTP API: refused, logged and alerted.
@Suite("Attacks and their alerts", .serialized, .timeLimit(.minutes(5)))
struct AlertedAttackTests {
    private static let refused = "a device refused what it was given"

    // MARK: On the device, by whoever holds broker and controller

    @Test("arbitrary software: too few signatures")
    func arbitrarySoftware() async throws {
        try await AttackScene.run { scene in
            try await scene.demand(by: [scene.site.people[0]]) { $0.counter += 1 }
            try await scene.expectAlert(.trust, about: "victim", "tooFewSignatures", logged: Self.refused)
            try await scene.expectChampion()
        }
    }

    @Test("arbitrary software: another root's roles")
    func foreignRoles() async throws {
        try await AttackScene.run { scene in
            scene.publish(.roles, try scene.site.roles(9, by: SigningKey.generate()))
            try await scene.expectAlert(.trust, about: "victim", "refused a document of trust", logged: Self.refused)
            #expect(try await scene.victim.rolesNumber == 1)
        }
    }

    @Test("rollback: a counter that is not above the one before")
    func rollback() async throws {
        try await AttackScene.run { scene in
            try await scene.demand(by: scene.site.people) { $0.created = $0.created.advanced(by: .seconds(-1)) }
            try await scene.expectAlert(.trust, about: "victim", "oldCounter", logged: Self.refused)
            try await scene.expectChampion()
        }
    }

    @Test("freeze: a release that has expired")
    func expiredRelease() async throws {
        try await AttackScene.run { scene in
            try await scene.demand(by: scene.site.people) {
                $0.counter += 1
                $0.expires = Instant.now().advanced(by: .minutes(-1))
            }
            try await scene.expectAlert(.trust, about: "victim", "expired", logged: Self.refused)
            try await scene.expectChampion()
        }
    }

    @Test("freeze: roles of before")
    func oldRoles() async throws {
        try await AttackScene.run { scene in
            let old = try scene.site.roles(1)
            try await scene.site.install(scene.site.roles(2))
            try await TrustSite.eventually("roles 2 arrive") { try await scene.victim.rolesNumber == 2 }
            scene.publish(.roles, old)
            try await scene.expectAlert(.trust, about: "victim", "refused a document of trust", logged: Self.refused)
            #expect(try await scene.victim.rolesNumber == 2)
        }
    }

    @Test("mix and match: another image under the signed one's name")
    func mixAndMatch() async throws {
        try await AttackScene.run { scene in
            let image = try TinyModel.image(gain: 5)
            scene.publishMap(of: try TinyModel.image(gain: 9), as: image)
            try await scene.demandImage(image, within: .minutes(5))
            try await scene.expectAlert(.trust, about: "victim", "wrongDigest", logged: Self.refused)
            try await scene.expectChampion()
        }
    }

    /// What somebody who withholds an image leaves of it.
    enum Withholding: CaseIterable {
        case partialBundle, droppedRequests, slowRetrieval, endlessData
    }

    @Test("withheld images: a release that is not whole by its deadline", arguments: Withholding.allCases)
    func withheld(_ attack: Withholding) async throws {
        try await AttackScene.run { scene in
            let image = try TinyModel.image(gain: 5)
            let flood = [UInt8](repeating: 7, count: 1 << 20)
            switch attack {
            case .droppedRequests: break
            case .partialBundle: scene.publishMap(of: image, as: image, chunks: [Array(image.prefix(128))])
            case .slowRetrieval: scene.publishMap(of: image, as: image, chunks: [])
            case .endlessData: scene.publishMap(of: image, as: image, chunks: [flood, flood, flood])
            }
            try await scene.demandImage(image)
            try await scene.expectAlert(.delivery, about: "victim", "in time", logged: Self.refused)
            try await scene.expectChampion()
        }
    }

    @Test("eavesdropping: whoever comes without TLS")
    func eavesdropping() async throws {
        try await AttackScene.run { scene in
            let stranger = try scene.stranger()
            stranger.connect()
            try await scene.expectAlert(
                .identity, about: "broker", "turns connections away", logged: "turned a connection away")
            stranger.disconnect(flushMilliseconds: 0)
        }
    }

    // MARK: With an identity

    private static let access = "the broker refused access"

    @Test("foreign topics: publishing as another device")
    func foreignTopic() async throws {
        try await AttackScene.run { scene in
            let refusals = Mutex<[String]>([])
            let thief = try await scene.thief {
                if case .refused(let topic, _) = $0 { refusals.withLock { $0.append(topic) } }
            }
            let topic = Topic.reported(scene.victim.id).text
            thief.publish(topic: topic, payload: [1], qos: .atLeastOnce)
            thief.connect()
            try await scene.expectAlert(.identity, about: "thief", "published where it may not", logged: Self.access)
            #expect(refusals.withLock { $0 } == [topic])
            #expect(scene.brokerLog.contains("martlet-guard: refused publish by thief"))
            thief.disconnect(flushMilliseconds: 0)
        }
    }

    @Test("foreign topics: listening to another device")
    func foreignSubscription() async throws {
        try await AttackScene.run { scene in
            let heard = Mutex(0)
            let thief = try await scene.thief {
                if case .message = $0 { heard.withLock { $0 += 1 } }
            }
            thief.subscribe(["martlet/v1/dev/victim/dn/desired"], qos: .atLeastOnce)
            thief.connect()
            try await scene.expectAlert(.identity, about: "thief", "more than it may read", logged: Self.access)
            #expect(scene.brokerLog.contains("martlet-guard: refused subscribe by thief"))
            #expect(heard.withLock { $0 } == 0, "the victim's desired document is retained")
            thief.disconnect(flushMilliseconds: 0)
        }
    }

    @Test("a foreign will: another device's last word")
    func foreignWill() async throws {
        try await AttackScene.run { scene in
            let connected = Mutex(0)
            let topic = Topic.presence(scene.victim.id).text
            let will = MQTTWill(topic: topic, payload: Array("gone".utf8))
            let thief = try await scene.thief(will: will) {
                if case .connected = $0 { connected.withLock { $0 += 1 } }
            }
            thief.connect()
            try await TrustSite.eventually("connected") { connected.withLock { $0 } == 1 }
            // A session that is taken over ends without a goodbye.
            let second = try AttackScene.client(
                scene.loop, scene.site, id: "thief", identity: scene.site.folder.appending(path: "devices/thief"))
            second.connect()
            try await scene.expectAlert(.identity, about: "thief", "published where it may not", logged: Self.access)
            #expect(scene.brokerLog.contains(topic))
            #expect(try await scene.site.controller.store.queries.deviceCounts().online >= 1, "the victim is not gone")
            thief.disconnect(flushMilliseconds: 0)
            second.disconnect(flushMilliseconds: 0)
        }
    }

    @Test("client-id theft: another device's name with one's own certificate")
    func clientIDTheft() async throws {
        try await AttackScene.run { scene in
            let events = Mutex<[String]>([])
            let thief = try await scene.thief(as: "victim") { event in
                if case .connected = event { events.withLock { $0.append("connected") } }
            }
            thief.connect()
            try await scene.expectAlert(.identity, about: "thief", "another's client id", logged: Self.access)
            #expect(events.withLock { $0 }.isEmpty)
            #expect(scene.brokerLog.contains("martlet-guard: refused connect by thief (client id 'victim'"))
            #expect(!scene.victim.complained(of: "disconnected"))
            thief.disconnect(flushMilliseconds: 0)
        }
    }

    @Test("a replayed claim: a second device with a claim that is used")
    func replayedClaim() async throws {
        try await AttackScene.run { scene in
            let url = scene.url
            let claim = try await scene.site.controller.enrolment.createClaim(
                ClaimRequest(pattern: "press-7", url: url), by: TrustSite.admin)
            func enrol(into name: String) throws {
                try Enroller(claim: claim.text, folder: scene.site.folder.appending(path: name).path()).attempt()
            }
            try enrol(into: "first-identity")
            let error = #expect(throws: DeviceError.self) { try enrol(into: "second-identity") }
            #expect(error?.code == .enrolmentRefused)
            try await scene.expectAlert(.identity, about: "press-7", "refused", logged: "refused an enrolment")
            #expect(!scene.log.lines.contains { $0.contains(claim.text) })
        }
    }
}
