import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import FoundationEssentials
import GRDB
import Testing

@testable import FleetController

@Suite("Releases")
struct ReleaseTests {
    let fleet: TestFleet

    init() async throws { fleet = try await TestFleet() }

    private func candidate() async throws -> ReleaseName {
        try await fleet.makeKeys()
        let version = try await fleet.pushVersion()
        return try await fleet.controller.releases.create(
            ReleaseRequest(versions: [.main: version]), by: TestFleet.alice
        ).record.name
    }

    @Test("two keys of two people, one an approver, approve a release and fix its digest")
    func approval() async throws {
        let release = try await fleet.approvedRelease()
        #expect(release.record.stage == .approved)
        let signed = [UInt8](try #require(release.record.signed))
        #expect(release.record.digest == SHA256.hash(signed))
        let message = try COSESign(decoding: signed)
        let keys = try await fleet.read { try TrustedKeyRecord.filter(Column("use") == KeyUse.release).fetchAll($0) }
        let signers = try message.verify(
            threshold: 2, keys: keys.map { TrustedKey(id: $0.id, publicKey: [UInt8]($0.publicKey), holder: $0.holder) },
            context: .release
        ) { (try? VerificationKey(raw: $0))?.verify(signature: $1, message: $2) ?? false }
        #expect(Set(signers) == Set(fleet.keys.map(\.id)))
    }

    @Test("a manifest holds the pushed image, a rising counter and thresholds of its own version")
    func manifest() async throws {
        let first = try await fleet.approvedRelease()
        let second = try await fleet.approvedRelease()
        #expect(second.manifest.counter == first.manifest.counter + 1)
        let part = try #require(second.manifest.part(for: .main))
        #expect(part.version == VersionID(model: try ModelName("m"), number: 2))
        #expect(part.thresholds.derivedFrom == part.version)
        let image = try #require(try await fleet.read { try ImageRecord.filter(Column("number") == 2).fetchOne($0) })
        #expect(part.image == ImageReference(digest: image.digest, bytes: image.bytes, arenaBytes: 64))
    }

    @Test("one signature is not enough, and one person cannot give both")
    func onePerson() async throws {
        let name = try await candidate()
        let releases = fleet.controller.releases
        let first = try await releases.sign(
            name, key: fleet.keys[0].id, signature: fleet.signature(name, key: 0), by: TestFleet.bob)
        #expect(first.record.stage == .candidate)
        let second = try await fleet.signature(name, key: 1)
        let error = await #expect(throws: ControllerError.self) {
            try await releases.sign(name, key: fleet.keys[1].id, signature: second, by: TestFleet.bob)
        }
        #expect(error?.code == .conflict)
    }

    @Test("two operators without an approver do not approve")
    func noApprover() async throws {
        let name = try await candidate()
        let releases = fleet.controller.releases
        _ = try await releases.sign(
            name, key: fleet.keys[0].id, signature: fleet.signature(name, key: 0), by: TestFleet.alice)
        let after = try await releases.sign(
            name, key: fleet.keys[1].id, signature: fleet.signature(name, key: 1),
            by: Identity(name: "carol", role: .operator))
        #expect(after.signatures.count == 2)
        #expect(after.record.stage == .candidate)
    }

    @Test("a signature of another key, over other bytes or by a foreign key is refused", arguments: 0..<3)
    func badSignature(_ kind: Int) async throws {
        let name = try await candidate()
        var key = fleet.keys[0].id
        var signature = try await fleet.signature(name, key: 0)
        switch kind {
        case 0: signature = try await fleet.signature(name, key: 1)
        case 1: signature[0] ^= 1
        default: key = try SigningKey.generate().keyID
        }
        let (wrong, by) = (signature, key)
        let error = await #expect(throws: ControllerError.self) {
            try await fleet.controller.releases.sign(name, key: by, signature: wrong, by: TestFleet.alice)
        }
        #expect(error?.code == .badSignature)
    }

    @Test("a model beyond the limit is refused, and the setting is named that raises it")
    func modelLimit() async throws {
        let fleet = try await TestFleet { $0.modelBytesLimit = 1000 }
        _ = try await fleet.pushVersion(size: 1000)
        let refusal = await #expect(throws: ControllerError.self) { _ = try await fleet.pushVersion(size: 1001) }
        #expect(refusal?.code == .limitReached)
        #expect(refusal?.hint.contains("models.max_bytes") == true)
    }

    @Test("a release without a version that it depends on stays a candidate")
    func dependency() async throws {
        try await fleet.makeKeys()
        let base = try await fleet.pushVersion("base")
        let top = try await fleet.pushVersion("top", dependencies: [base])
        let releases = fleet.controller.releases
        let name = try await releases.create(ReleaseRequest(versions: [.main: top]), by: TestFleet.alice).record.name
        _ = try await releases.sign(
            name, key: fleet.keys[0].id, signature: fleet.signature(name, key: 0), by: TestFleet.alice)
        let alone = try await releases.sign(
            name, key: fleet.keys[1].id, signature: fleet.signature(name, key: 1), by: TestFleet.bob)
        #expect(alone.record.stage == .candidate)
        #expect(alone.missingDependencies == [base])
        let both = try await releases.create(
            ReleaseRequest(name: try ReleaseName("both"), versions: [.main: top, try SlotName("first"): base]),
            by: TestFleet.alice)
        #expect(both.missingDependencies.isEmpty)
        #expect(both.manifest.parts.count == 2)
    }

    @Test("a rejected release can never be signed")
    func rejected() async throws {
        let name = try await candidate()
        try await fleet.controller.releases.reject(name, reason: "too early", by: TestFleet.bob)
        let signature = try await fleet.signature(name, key: 0)
        let error = await #expect(throws: ControllerError.self) {
            try await fleet.controller.releases.sign(
                name, key: fleet.keys[0].id, signature: signature, by: TestFleet.alice)
        }
        #expect(error?.code == .wrongState)
    }
}
