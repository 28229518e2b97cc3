import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import Testing

@testable import DeviceHost
@testable import FleetController

/// The root's documents on their way from the controller over a real mosquitto to real devices.
@Suite("Trust on a real broker", .serialized)
struct TrustOnBrokerTests {
    private static func rotation(_ number: UInt64, to next: SigningKey, by old: SigningKey) throws -> [UInt8] {
        var link = COSESign(payload: RootRotation(number: number, key: TrustSite.trusted(next, "root")).encoded())
        try link.sign(.root, keyID: old.keyID, using: old.sign)
        try link.sign(.root, keyID: next.keyID, using: next.sign)
        return link.encoded()
    }

    @Test(
        "a rotated root reaches a device that is online and one that was away, and the old root is worth nothing then")
    func rotation() async throws {
        try await TrustSite.run { site in
            let online = try await site.device("online")
            let away = try await site.device("away")
            try await site.install(site.roles(1))
            try online.start()
            try await TrustSite.eventually("roles 1 arrive") { try await online.rolesNumber == 1 }
            let (second, third) = (try SigningKey.generate(), try SigningKey.generate())
            var chain = [try Self.rotation(2, to: second, by: site.root)]
            try await site.install(site.roles(2, rotations: chain, by: second))
            try await TrustSite.eventually("the second root") { try await online.root == second.keyID }
            chain.append(try Self.rotation(3, to: third, by: second))
            try await site.install(site.roles(3, rotations: chain, by: third))
            try await TrustSite.eventually("the third root") { try await online.root == third.keyID }
            // It was made under the first root and never saw a document in between.
            try away.start()
            try await TrustSite.eventually("the chain from the first root") { try await away.root == third.keyID }
            #expect(try await away.rolesNumber == 3)
            // One that is made now pins the newest root from the start.
            let young = try await site.device("young")
            try young.start()
            #expect(try await young.root == third.keyID)
            try await TrustSite.eventually("roles 3 arrive") { try await young.rolesNumber == 3 }
            await young.stop()
            await online.stop()
            try online.start()
            #expect(try await online.read { _ in true })
            try await TrustSite.eventually("pinned over a restart") { try await online.root == third.keyID }
            try await site.force(site.roles(9), number: 9)
            try await TrustSite.eventually("the old root is refused") {
                online.complained(of: "not signed by the pinned root")
            }
            #expect(try await online.rolesNumber == 3)
            await online.stop()
            await away.stop()
        }
    }

    @Test(
        "a device whose clock says 1970 learns the time from its signature, keeps it over a restart, and never goes back"
    )
    func signedTime() async throws {
        try await TrustSite.run { site in
            let clock = try SigningKey.generate()
            let file = site.controller.configuration.timeKeyFile
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try clock.write(pemFile: file.path)
            let device = try await site.device("d1970", time: DeadClock())
            try device.start()
            let before = Instant.now()
            #expect(try await device.now < Instant(milliseconds: 3_600_000))
            try await site.install(site.roles(1, timeKeys: [clock]))
            try await TrustSite.eventually("the time arrives") { try await device.now >= before }
            #expect(try await device.now <= Instant.now())
            await device.stop()
            try device.start()
            #expect(try await device.now >= before)
            await device.stop()
        }
    }

    @Test("expired roles let no new release in, and a device still returns to what it ran without anybody's signature")
    func expiredRoles() async throws {
        try await TrustSite.run { site in
            let device = try await site.device("d1")
            try device.start()
            try await site.install(site.roles(1, lasting: .seconds(12)))
            let ends = Date().addingTimeInterval(12.2)
            let first = try await site.release("first", gain: 1)
            _ = try await site.rollOut(first)
            func runs(_ number: Int) async throws -> Bool {
                let status = try await device.status
                return status?.serving?.number == number && status?.phase == .committed
            }
            try await TrustSite.eventually("the first runs") { try await runs(1) }
            let second = try await site.release("second", gain: 2)
            let digest = try await site.controller.releases.get(first).record.digest
            #expect(try await site.controller.releases.get(second).manifest.mayReturnTo == [digest])
            let rollout = try await site.rollOut(second)
            try await TrustSite.eventually("the second runs") { try await runs(2) }
            let third = try await site.release("third", gain: 3)
            try await Task.sleep(for: .seconds(max(0, ends.timeIntervalSinceNow)))
            try await site.force(third, on: device.id)
            try await TrustSite.eventually("the third is refused") { try await device.status?.failure == .expired }
            #expect(try await device.status?.serving?.number == 2)
            _ = try await site.controller.rollouts.rollback(rollout, by: TrustSite.admin)
            try await TrustSite.eventually("back to the first") { try await device.status?.serving?.number == 1 }
            await device.stop()
        }
    }

    @Test("a release that the automation key signed reaches its canaries and nobody else, whatever the controller says")
    func delegation() async throws {
        try await TrustSite.run { site in
            let automation = try SigningKey.generate()
            let keyFile = site.controller.configuration.automationKeyFile
            try FileManager.default.createDirectory(
                at: keyFile.deletingLastPathComponent(), withIntermediateDirectories: true)
            try automation.write(pemFile: keyFile.path)
            let names = (0..<40).map { "d\($0)" }
            func isCanary(_ name: String) -> Bool {
                CanaryDraw.contains(
                    SHA256.hash(CanaryDraw.message(key: automation.keyID, device: DeviceID(unchecked: name))),
                    share: 0.5)
            }
            let canary = try await site.device(try #require(names.first(where: isCanary)), tags: ["side": "L"])
            let beyond = try await site.device(
                try #require(names.first { !isCanary($0) }), tags: ["side": "L"])
            let elsewhere = try await site.device(
                try #require(names.last(where: isCanary)), tags: ["side": "R"])
            let devices = [canary, beyond, elsewhere]
            for device in devices { try device.start() }
            try await site.install(
                site.roles(
                    1,
                    delegations: [
                        Delegation(
                            key: TrustSite.trusted(automation, "retraining"), models: [ModelName(unchecked: "tiny")],
                            group: "side=L", canaryShare: 0.5, expires: Instant.now().advanced(by: .days(30)))
                    ]))
            let name = try await site.candidate("unattended", gain: 4)
            try await site.controller.releases.signByAutomation(name)
            _ = try await site.rollOut(name)
            try await TrustSite.eventually("the canary runs it") { try await canary.status?.phase == .committed }
            let offered = try await site.controller.store.queries.rolloutDevices(1).map(\.entry.device)
            #expect(offered == [canary.id])
            for device in [beyond, elsewhere] {
                try await site.force(name, on: device.id)
                try await TrustSite.eventually("\(device.id) refuses it") {
                    try await device.status?.failure == .outsideDelegation
                }
                #expect(try await device.status?.serving == nil)
            }
            // What people sign goes to everybody, the canary included.
            let signed = try await site.release("attended", gain: 5)
            _ = try await site.rollOut(signed)
            let digest = try await site.controller.releases.get(signed).record.digest
            for device in devices {
                try await TrustSite.eventually("\(device.id) runs what people signed") {
                    let status = try await device.status
                    return status?.release == digest && status?.phase == .committed
                }
                await device.stop()
            }
        }
    }

    @Test("a release that is bound to a region is refused anywhere else, with the reason")
    func region() async throws {
        try await TrustSite.run { site in
            let inside = try await site.device("eu1", tags: ["region": "eu"])
            let outside = try await site.device("us1", tags: ["region": "us"])
            for device in [inside, outside] { try device.start() }
            try await site.install(site.roles(1))
            let name = try await site.release("bound", gain: 5, scope: ["region=eu"])
            _ = try await site.rollOut(name)
            try await TrustSite.eventually("it runs inside") { try await inside.status?.phase == .committed }
            try await TrustSite.eventually("it is refused outside") { try await outside.status?.failure == .outOfScope }
            #expect(try await outside.status?.detail == "only for region=eu")
            try await TrustSite.eventually("the controller knows why") {
                try await site.controller.store.queries.rolloutDevices(1)
                    .contains { $0.entry.device == outside.id && $0.entry.failure == .outOfScope }
            }
            await inside.stop()
            await outside.stop()
        }
    }
}

/// A machine without a battery-backed clock: it starts in 1970 and runs from there.
private struct DeadClock: TimeSource {
    private let start = SystemTime().monotonicMicroseconds

    var system: Instant { Instant(milliseconds: Int64((monotonicMicroseconds - start) / 1000)) }
    var monotonicMicroseconds: Int { SystemTime().monotonicMicroseconds }
}
