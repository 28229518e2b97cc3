import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import Logging
import Synchronization
import Testing

@testable import FleetController

/// What is left of an identity that was revoked or replaced, and of claims for it.
@Suite("Old identities")
struct OldIdentityTests {
    private static let device = DeviceID(unchecked: "press-7")

    /// What a device sends, as `DeviceHost` does it.
    private static func renewal(_ signing: SigningKey, key: PrivateKey) throws -> RenewalRequest {
        var request = RenewalRequest(
            certificateRequest: try CertificateRequest.make(commonName: device.text, key: key).pem())
        request.signature = try signing.sign(request.transcript(of: device))
        return request
    }

    @Test("a thief's renewal after the replacement is refused, audited and alerted; the device's own is granted")
    func thief() async throws {
        let scene = try EnrolmentScene()
        let enrolment = scene.controller.enrolment
        let (old, new) = (try SigningKey.generate(), try SigningKey.generate())
        _ = try await enrolment.enrol(scene.request(scene.claim(), signing: old), from: "a")
        let queued = try Self.renewal(old, key: PrivateKey.generate())
        let before = try await enrolment.renew(Self.device, queued)
        #expect(try Certificate(pem: before.certificate).commonName == "press-7")

        let replacing = try await scene.claim(replaces: true)
        await #expect(throws: ControllerError.self, "a new identity has new keys") {
            _ = try await enrolment.enrol(scene.request(replacing, signing: old), from: "b")
        }
        _ = try await enrolment.enrol(scene.request(replacing, signing: new), from: "b")
        var forged = try Self.renewal(new, key: PrivateKey.generate())
        forged.certificateRequest = queued.certificateRequest
        for request in [queued, try Self.renewal(old, key: PrivateKey.generate()), forged] {
            let error = await #expect(throws: ControllerError.self) {
                _ = try await enrolment.renew(Self.device, request)
            }
            #expect(error?.code == .badSignature)
        }
        #expect(try await scene.audited("devices.renewRefused").count == 1, "told once in a while")
        #expect(try await scene.alerts().contains { $0.fingerprint == "renewal/press-7" && $0.severity == .critical })
        _ = try await enrolment.renew(Self.device, Self.renewal(new, key: PrivateKey.generate()))
        #expect(try await scene.audited("devices.renew").count == 2)
    }

    @Test("a renewal whose answer was lost gives the same key the same certificate, and another key another")
    func sameKey() async throws {
        let scene = try EnrolmentScene()
        let enrolment = scene.controller.enrolment
        let signing = try SigningKey.generate()
        _ = try await enrolment.enrol(scene.request(scene.claim(), signing: signing), from: "a")
        let key = try PrivateKey.generate()
        let first = try await enrolment.renew(Self.device, Self.renewal(signing, key: key))
        for _ in 0...EnrolmentLimits.renewals {
            #expect(try await enrolment.renew(Self.device, Self.renewal(signing, key: key)) == first)
        }
        let other = try await enrolment.renew(Self.device, Self.renewal(signing, key: PrivateKey.generate()))
        #expect(other != first)
        scene.clock.advance(.days(4 * 365))
        #expect(try await enrolment.renew(Self.device, Self.renewal(signing, key: key)) != first, "it nears its end")
    }

    /// An authority whose disk is full for a while.
    private final class FullDisk: DevicePKI {
        let inner: DeviceProvisioner
        let failures = Mutex(0)

        init(_ inner: DeviceProvisioner) { self.inner = inner }

        var authority: (any DeviceAuthority)? { inner }
        func issue(_ device: DeviceID) throws -> IssuedIdentity { try inner.issue(device) }
        func revoke(_ device: DeviceID, serial: String?) throws { _ = try revoke(serial.map { [$0: device] } ?? [:]) }
        func revoke(_ serials: [String: DeviceID]) throws -> Set<DeviceID> {
            let fails = failures.withLock { left in
                defer { left -= 1 }
                return left > 0
            }
            if fails { throw ControllerError(.unavailable, "the disk is full") }
            return try inner.revoke(serials)
        }
    }

    private static func fullDisk(_ scene: EnrolmentScene) throws -> FullDisk {
        try #require(scene.wrapped as? FullDisk)
    }

    private static func listed(_ scene: EnrolmentScene) throws -> [String] {
        try RevocationRegister(file: scene.folder.appending(path: "pki/revoked.json")).certificates.map(\.serial)
    }

    enum Way: CaseIterable { case command, claim, start }

    @Test("what the database says is revoked gets onto the list, also if writing it failed", arguments: Way.allCases)
    func listIsWritten(way: Way) async throws {
        let scene = try EnrolmentScene { FullDisk($0) }
        let (enrolment, devices) = (scene.controller.enrolment, scene.controller.devices)
        let disk = try Self.fullDisk(scene)
        let first = try await enrolment.enrol(scene.request(scene.claim()), from: "a")
        let serial = try Certificate(pem: first.certificate).serial
        let replacing = try scene.request(try await scene.claim(replaces: true))
        disk.failures.withLock { $0 = 1 }
        await #expect(throws: ControllerError.self) {
            switch way {
            case .command, .start: try await devices.revoke(Self.device, reason: "", by: EnrolmentScene.alice)
            case .claim: _ = try await enrolment.enrol(replacing, from: "b")
            }
        }
        #expect(try Self.listed(scene).isEmpty)
        switch way {
        case .command:
            // No broker answers here, which is known only afterwards.
            try? await devices.revoke(Self.device, reason: "", by: EnrolmentScene.alice)
        case .claim: _ = try await enrolment.enrol(replacing, from: "b")
        case .start: try await enrolment.enforceRevocations()
        }
        #expect(try Self.listed(scene) == [serial])
    }

    @Test("revoking a device ends the open claims for it alone, and the audit names them; later ones stay")
    func openClaims() async throws {
        let scene = try EnrolmentScene()
        let (enrolment, devices) = (scene.controller.enrolment, scene.controller.devices)
        _ = try await enrolment.enrol(scene.request(scene.claim()), from: "a")
        let own = try await scene.claim(replaces: true)
        let any = try await scene.claim("press-*")
        try? await devices.revoke(Self.device, reason: "stolen", by: EnrolmentScene.alice)
        let records = try await scene.controller.store.queries.claims(limit: 10)
        #expect(records.first { $0.id == own.id }?.withdrawnAt != nil)
        #expect(records.first { $0.id == any.id }?.withdrawnAt == nil)
        #expect(try await scene.audited("devices.revoke").first?.detail.contains(own.id.text) == true)
        scene.clock.advance(.minutes(1))
        let later = try await scene.claim(replaces: true)
        try? await devices.revoke(Self.device, reason: "once more", by: EnrolmentScene.alice)
        _ = try await enrolment.enrol(scene.request(later), from: "b")
    }

    @Test("replacing a device, or its identity, ends the other open claims for it")
    func otherClaims() async throws {
        let scene = try EnrolmentScene()
        let (enrolment, devices) = (scene.controller.enrolment, scene.controller.devices)
        _ = try await enrolment.enrol(scene.request(scene.claim()), from: "a")
        let (used, left) = (try await scene.claim(replaces: true), try await scene.claim(replaces: true))
        _ = try await enrolment.enrol(scene.request(used), from: "a")
        await #expect(throws: ControllerError.self) { _ = try await enrolment.enrol(scene.request(left), from: "b") }
        #expect(try await scene.audited("devices.replaceIdentity").first?.detail.contains(left.id.text) == true)

        let third = try await scene.claim(replaces: true)
        _ = try await devices.provision(DeviceRequest(id: DeviceID("new")), by: EnrolmentScene.alice)
        try? await devices.replace(Self.device, by: DeviceID("new"), reason: "wet", by: EnrolmentScene.alice)
        await #expect(throws: ControllerError.self) { _ = try await enrolment.enrol(scene.request(third), from: "b") }
        #expect(try await scene.audited("devices.replace").first?.detail.contains(third.id.text) == true)
    }

    @Test("strangers do not take the database's one writer")
    func writer() async throws {
        let scene = try EnrolmentScene()
        let authority = scene.pki.authority.certificate.fingerprint
        let request = try scene.request(EnrolmentClaim.make(url: "http://h", authority: authority))
        // The first is told, which is a write.
        _ = try? await scene.controller.enrolment.enrol(request, from: "10.9.9.9")
        let (held, ended) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let database = scene.controller.store.database
        let writer = Task.detached {
            try await database.write { _ in
                held.signal()
                return ended.wait(timeout: .now() + 10) == .success
            }
        }
        await withCheckedContinuation { done in
            DispatchQueue.global().async {
                held.wait()
                done.resume()
            }
        }
        await #expect(throws: ControllerError.self) {
            _ = try await scene.controller.enrolment.enrol(request, from: "10.9.9.9")
        }
        ended.signal()
        #expect(try await writer.value, "the refusal waited for the writer")
    }
}

@Suite("Tags that a device can take")
struct DeviceTagTests {
    private static let large = Dictionary(
        uniqueKeysWithValues: (0..<32).map { ("key\($0)", String(repeating: "ä", count: 64)) })

    @Test("tags with control characters, or of more bytes than a device holds, are refused")
    func refused() {
        for tags in [["a\u{1}": "b"], ["a": "b\u{7F}"], ["a": "\u{85}"], Self.large] {
            #expect(throws: ControllerError.self) { try DeviceService.check(tags: tags) }
        }
        #expect(throws: Never.self) { try DeviceService.check(tags: ["side": "R", "größe": "3"]) }
    }

    @Test("a claim whose tags the device would refuse is not burnt")
    func claim() async throws {
        let scene = try EnrolmentScene()
        let claim = try await scene.claim()
        let request = try scene.request(claim)
        let setTags: @Sendable ([String: String]) async throws -> Void = { tags in
            try await scene.controller.store.database.write { database in
                var record = try #require(try EnrolmentClaimRecord.fetchOne(database, key: claim.id))
                record.tags = tags
                try record.update(database)
            }
        }
        try await setTags(Self.large)
        let error = await #expect(throws: ControllerError.self) {
            _ = try await scene.controller.enrolment.enrol(request, from: "a")
        }
        #expect(error?.message.contains("tags") == true)
        #expect(try await scene.alerts().count == 1)
        try await setTags(["side": "R"])
        #expect(try await scene.controller.enrolment.enrol(request, from: "a").tags == "side=R")
    }

    @Test("a device whose tags and its successor's are too many together is not replaced")
    func successor() async throws {
        let scene = try EnrolmentScene()
        for id in ["old", "new"] {
            let tags = Dictionary(uniqueKeysWithValues: (0..<20).map { ("\(id)\($0)", "1") })
            _ = try await scene.controller.devices.provision(
                DeviceRequest(id: DeviceID(id), tags: tags), by: EnrolmentScene.alice)
        }
        let error = await #expect(throws: ControllerError.self) {
            try await scene.controller.devices.replace(
                DeviceID("old"), by: DeviceID("new"), reason: "", by: EnrolmentScene.alice)
        }
        #expect(error?.code == .limitReached)
        #expect(try await scene.device("old")?.revokedAt == nil)
    }
}
