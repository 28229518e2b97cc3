import BlobCoding
import DeviceHost
import FleetCrypto
import FleetModel
import FleetWire
import Foundation
import Synchronization
import Testing

/// The attacks of `docs/protocol.md` on a device, by whoever owns the broker, the controller, or both: each on a real mosquitto.
/// The champion goes on serving, and the refusal is logged and reported with its reason, which is what the controller's
/// alerts come from. Attacks with identities, and on the wire, are in `FleetControllerTests/Attacks`.
@Suite("Attacks on a device", .serialized)
struct AttackTests {
    /// A device that serves version 1 and is about to be attacked.
    private final class Scene {
        let fleet: TestFleet
        let device: TestDevice
        let champion: Digest
        var controller: TestController { fleet.controller }

        init(_ limits: DeviceLimits = TestDevice.limits) throws {
            fleet = try TestFleet()
            device = try TestDevice("victim", controller: fleet.controller, broker: fleet.broker, limits: limits)
            try device.start()
            champion = try fleet.install(try TestRelease(version: 1, gain: 1), on: device, generation: 1)
        }

        deinit { device.stop() }

        /// The wanted release fails for this reason, which is logged and reported; the champion serves.
        func expectRefusal(_ failure: InstallFailure, _ location: SourceLocation = #_sourceLocation) {
            eventually("refused", sourceLocation: location) { controller.slot(device.id)?.failure == failure }
            #expect(device.notices.withLock { $0.contains { $0.contains(failure.rawValue) } }, sourceLocation: location)
            expectChampion(location)
        }

        func expectChampion(_ location: SourceLocation = #_sourceLocation) {
            #expect(device.status?.release == champion, sourceLocation: location)
            #expect(throws: Never.self, sourceLocation: location) { try device.infer([1, 2, 3, 4])?.get() }
        }
    }

    @Test("arbitrary software: a release that too few people signed never runs")
    func arbitrarySoftware() throws {
        let scene = try Scene()
        let digest = try scene.controller.publish(
            try TestRelease(version: 2, gain: 2), keys: [scene.controller.trust.people[0]])
        scene.controller.want(digest, on: scene.device.id, generation: 2)
        scene.expectRefusal(.tooFewSignatures)
    }

    @Test("arbitrary software: roles that somebody else than the root signed make nobody a signer")
    func foreignRoles() throws {
        let scene = try Scene()
        let forger = try TestTrust()
        scene.controller.publish(.roles, try forger.roles(number: 9))
        eventually("logged") { scene.device.notices.withLock { $0.contains { $0.contains("trust/roles") } } }
        let digest = try scene.controller.publish(try TestRelease(version: 2, gain: 2), keys: forger.people)
        scene.controller.want(digest, on: scene.device.id, generation: 2)
        scene.expectRefusal(.badSignature)
    }

    @Test("rollback: an older release that is validly signed, and that nobody allowed to return to, is refused")
    func rollback() throws {
        let scene = try Scene()
        let second = try scene.fleet.install(try TestRelease(version: 2, gain: 2), on: scene.device, generation: 2)
        var old = try TestRelease(version: 1, gain: 1)
        old.manifest.created = Instant(milliseconds: 1_700_000_000_001)
        scene.controller.want(try scene.controller.publish(old), on: scene.device.id, generation: 3)
        eventually("refused") { scene.controller.slot(scene.device.id)?.failure == .oldCounter }
        #expect(scene.device.status?.release == second)
    }

    @Test("freeze: a release that has expired is not new any more")
    func expiredRelease() throws {
        let scene = try Scene()
        var release = try TestRelease(version: 2, gain: 2)
        release.manifest.expires = Instant(milliseconds: 1_700_000_000_001)
        scene.controller.want(try scene.controller.publish(release), on: scene.device.id, generation: 2)
        scene.expectRefusal(.expired)
    }

    @Test("freeze: an old role document that the broker sends again is refused, and the newer one stays")
    func oldRoles() throws {
        let scene = try Scene()
        try scene.controller.publishRoles(number: 5)
        try scene.controller.publishRoles(number: 4)
        eventually("logged") { scene.device.notices.withLock { $0.contains { $0.contains("trust/roles") } } }
        let digest = try scene.fleet.install(try TestRelease(version: 2, gain: 2), on: scene.device, generation: 2)
        #expect(scene.device.status?.release == digest)
    }

    @Test("mix and match: another image under the signed one's name is not run, whatever its map says")
    func mixAndMatch() throws {
        let scene = try Scene()
        let release = try TestRelease(version: 2, gain: 2)
        let digest = try scene.controller.publish(release, skippingChunks: Set(0..<100))
        let other = try TestModel.image(gain: 9)
        var blob = try TestBlob(of: other)
        blob.name = SHA256.hash(release.image)
        blob.map.image = SHA256.hash(release.image)
        scene.controller.publish(blob)
        scene.controller.want(digest, on: scene.device.id, generation: 2)
        scene.expectRefusal(.wrongDigest)
    }

    @Test("partial bundle: without its last chunk a release is not there at all")
    func partialBundle() throws {
        let scene = try Scene()
        let release = try TestRelease(version: 2, gain: 2)
        let last = try TestBlob(of: release.image).chunks.count - 1
        let digest = try scene.controller.publish(release, skippingChunks: [last])
        scene.controller.want(digest, on: scene.device.id, generation: 2)
        eventually("the device asks for it") {
            scene.controller.seen.withLock { $0.needs.contains { $0.missing == [last..<last + 1] } }
        }
        #expect(scene.device.status?.phase == .fetching)
        scene.expectChampion()
    }

    @Test("dropped requests: a device that gets no answer keeps serving, keeps asking, and does not flood")
    func droppedRequests() throws {
        let scene = try Scene()
        let release = try TestRelease(version: 2, gain: 2)
        let digest = try scene.controller.publish(release, skippingChunks: [0])
        scene.controller.want(digest, on: scene.device.id, generation: 2)
        eventually("it asks again") { scene.controller.seen.withLock { $0.needs.count + $0.fetches.count } >= 2 }
        usleep(2_000_000)
        #expect(scene.controller.seen.withLock { $0.needs.count + $0.fetches.count } < 40)
        scene.expectChampion()
        // By now it asks the controller itself: seeding was in vain.
        scene.controller.answer(try TestBlob(of: release.image))
        eventually("answered at last", seconds: 30) { scene.device.status?.release == digest }
    }

    @Test("slow retrieval: a release that does not come within its deadline is given up")
    func slowRetrieval() throws {
        let scene = try Scene()
        let digest = try scene.controller.publish(try TestRelease(version: 2, gain: 2), skippingChunks: [0])
        let deadline = Instant(milliseconds: Int64(Date().timeIntervalSince1970 * 1000) + 2000)
        let slot = DesiredSlot(slot: .main, release: digest, activation: .now, deadline: deadline, sources: [])
        scene.controller.publish(
            .desired(scene.device.id), Desired(generation: 2, slots: [slot], policy: DevicePolicy()).encoded())
        scene.expectRefusal(.fetchTimedOut)
    }

    @Test("endless data: chunks longer than the map says are not kept, and the disk does not grow")
    func endlessChunks() throws {
        let scene = try Scene()
        let release = try TestRelease(version: 2, gain: 2)
        let digest = try scene.controller.publish(release, skippingChunks: Set(0..<100))
        let blob = try TestBlob(of: release.image)
        for index in blob.chunks.indices {
            scene.controller.publish(
                blob.map.topic(ofChunk: index, in: blob.name), [UInt8](repeating: 7, count: 4 << 20))
        }
        scene.controller.want(digest, on: scene.device.id, generation: 2)
        eventually("it asks for right ones") {
            scene.controller.seen.withLock { !$0.needs.isEmpty || !$0.fetches.isEmpty }
        }
        #expect(try Self.bytes(in: scene.device.folder) < 2 << 20)
        scene.expectChampion()
    }

    @Test("endless data: a small blob that unpacks without end is stopped at the image's signed size")
    func endlessUnpacking() throws {
        let scene = try Scene()
        let release = try TestRelease(version: 2, gain: 2)
        let digest = try scene.controller.publish(release, skippingChunks: Set(0..<100))
        var bomb: [UInt8] = []
        try [UInt8](repeating: 0, count: 64 << 20).withUnsafeBytes { try BlobEncoding.deflate($0) { bomb += $0 } }
        scene.controller.publish(
            TestBlob(
                bomb, name: SHA256.hash(release.image), image: release.image, codec: .zstd, base: nil,
                chunkBytes: 1024))
        scene.controller.want(digest, on: scene.device.id, generation: 2)
        eventually("refused") { scene.controller.slot(scene.device.id)?.failure != nil }
        #expect(try Self.bytes(in: scene.device.folder) < 2 << 20)
        scene.expectChampion()
    }

    /// Bytes of all files of a device.
    private static func bytes(in folder: URL) throws -> Int {
        try FileManager.default.subpathsOfDirectory(atPath: folder.path()).reduce(0) { sum, name in
            let path = folder.appending(path: name).path()
            return sum + ((try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0)
        }
    }
}
