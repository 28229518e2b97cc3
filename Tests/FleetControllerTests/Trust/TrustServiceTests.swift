import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import Testing

@testable import FleetController

/// Keys of an offline root, and what it signs.
struct OfflineRoot {
    let key: SigningKey
    let people: [SigningKey]

    init() throws {
        key = try SigningKey.generate()
        people = [try SigningKey.generate(), try SigningKey.generate()]
    }

    static func trusted(_ key: SigningKey, _ holder: String = "someone") -> TrustedKey {
        TrustedKey(id: key.keyID, publicKey: key.publicKey, holder: holder)
    }

    func roles(
        _ number: UInt64, expires: Instant, rotations: [[UInt8]] = [], timeKeys: [SigningKey] = [],
        delegations: [Delegation] = [], by signer: SigningKey? = nil
    ) throws -> [UInt8] {
        let signer = signer ?? key
        let roles = TrustRoles(
            number: number, expires: expires, releaseKeys: people.map { Self.trusted($0) }, threshold: 2,
            rotations: rotations, timeKeys: timeKeys.map { Self.trusted($0, "clock") }, delegations: delegations)
        var message = COSESign(payload: roles.encoded())
        try message.sign(.roles, keyID: signer.keyID, using: signer.sign)
        return message.encoded()
    }

    static func rotation(_ number: UInt64, to next: SigningKey, by signers: [SigningKey]) throws -> [UInt8] {
        var link = COSESign(payload: RootRotation(number: number, key: trusted(next, "root")).encoded())
        for signer in signers { try link.sign(.root, keyID: signer.keyID, using: signer.sign) }
        return link.encoded()
    }
}

@Suite("Role documents at the controller")
struct TrustServiceTests {
    private static let admin = Identity(name: "admin", role: .admin)
    let fleet: TestFleet
    let root: OfflineRoot
    private var trust: TrustService { fleet.controller.trust }
    private var later: Instant { fleet.clock.now.advanced(by: .days(365)) }

    init() async throws {
        fleet = try await TestFleet()
        root = try OfflineRoot()
        try PinnedRoot.pin(root.key.publicKey, in: fleet.folder)
    }

    private func refusal(_ message: [UInt8]) async -> ControllerError? {
        await #expect(throws: ControllerError.self) { try await trust.install(message, by: Self.admin) }
    }

    @Test("a document of the pinned root is taken, its keys are trusted, and the audit says who handed it in")
    func installs() async throws {
        try await trust.install(root.roles(1, expires: later), by: Self.admin)
        let keys = try await trust.keys()
        #expect(Set(keys.filter { $0.use == .release }.map(\.id)) == Set(root.people.map(\.keyID)))
        #expect(keys.filter { $0.use == .root }.map(\.id) == [root.key.keyID])
        let entry = try await fleet.read { try AuditEntryRecord.order(Column("number").desc).fetchOne($0) }
        #expect(entry?.command == "trust.install")
        #expect(entry?.identity == "admin")
        let overview = try #require(try await trust.overview())
        #expect(overview.expiry == .lasting)
        #expect(overview.signedTime == .noKey)
    }

    @Test("only an administrator hands one in")
    func roles() async throws {
        let message = try root.roles(1, expires: later)
        let error = await #expect(throws: ControllerError.self) {
            try await trust.install(message, by: TestFleet.bob)
        }
        #expect(error?.code == .forbidden)
    }

    @Test("another root, an older or equal number, an end in the past and what is no document are refused in words")
    func refused() async throws {
        let thief = try OfflineRoot()
        #expect(await refusal(try thief.roles(1, expires: later))?.code == .badSignature)
        #expect(await refusal(try root.roles(1, expires: fleet.clock.now))?.code == .invalid)
        #expect(await refusal([1, 2, 3])?.code == .invalid)
        try await trust.install(root.roles(4, expires: later), by: Self.admin)
        for number: UInt64 in [3, 4] {
            let error = await refusal(try root.roles(number, expires: later))
            #expect(error?.code == .conflict)
            #expect(error?.message.contains("4 is in force") == true)
        }
    }

    @Test("a rotated root takes over, the old one signs nothing any more, and a broken chain leaves nobody behind")
    func rotates() async throws {
        let next = try SigningKey.generate()
        try await trust.install(root.roles(1, expires: later), by: Self.admin)
        let halfSigned = try OfflineRoot.rotation(2, to: next, by: [next])
        #expect(
            await refusal(try root.roles(2, expires: later, rotations: [halfSigned], by: next))?.code == .badSignature)
        let link = try OfflineRoot.rotation(2, to: next, by: [root.key, next])
        try await trust.install(root.roles(2, expires: later, rotations: [link], by: next), by: Self.admin)
        let roots = try await trust.keys().filter { $0.use == .root }
        #expect(roots.first { $0.revokedAt == nil }?.id == next.keyID)
        #expect(roots.count == 2)
        #expect(try await fleet.read { try TrustRows.pinned($0)?.id } == next.keyID, "what new devices pin")
        #expect(await refusal(try root.roles(3, expires: later))?.code == .badSignature)
        // Without the chain the new root would be right for new devices, and wrong for those that pin the first.
        #expect(await refusal(try root.roles(3, expires: later, by: next))?.code == .badSignature)
        try await trust.install(root.roles(3, expires: later, rotations: [link], by: next), by: Self.admin)
    }

    @Test("an automation or time key that is a person's too is refused, as is a delegation without bounds")
    func faults() async throws {
        let shared = try root.roles(1, expires: later, timeKeys: [root.people[0]])
        #expect(await refusal(shared)?.message.contains("person's release key too") == true)
        let key = OfflineRoot.trusted(try SigningKey.generate())
        for delegation in [
            Delegation(key: key, models: [], group: "*", canaryShare: 0.1, expires: later),
            Delegation(key: key, models: [ModelName(unchecked: "m")], group: "?", canaryShare: 0.1, expires: later),
            Delegation(key: key, models: [ModelName(unchecked: "m")], group: "*", canaryShare: 0, expires: later),
        ] {
            #expect(await refusal(try root.roles(1, expires: later, delegations: [delegation]))?.code == .invalid)
        }
    }

    @Test("30 days before the end an alert says what to do, at the end it is critical, and a new document closes it")
    func warns() async throws {
        try await trust.install(root.roles(1, expires: later), by: Self.admin)
        func open() async throws -> AlertRecord? {
            try await Housekeeping(context: fleet.controller.context).sweep()
            return try await fleet.read { try AlertBook.openAlert($0, TrustWatch.fingerprint) }
        }
        #expect(try await open() == nil)
        fleet.clock.advance(.days(340))
        let warning = try #require(try await open())
        #expect(warning.severity == .warning)
        #expect(warning.title.contains("25 days"))
        #expect(warning.action.contains("martlet root sign"))
        fleet.clock.advance(.days(30))
        #expect(try await open()?.severity == .critical)
        try await trust.install(root.roles(2, expires: fleet.clock.now.advanced(by: .days(90))), by: Self.admin)
        #expect(try await open() == nil)
    }

    @Test("the signed time is published at every connect and at its interval, as long as devices would believe it")
    func signedTime() async throws {
        let clock = try SigningKey.generate()
        let file = fleet.controller.configuration.timeKeyFile
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try clock.write(pemFile: file.path)
        let broker = FakeBroker()
        let delivery = DeliveryService(
            context: fleet.controller.context, link: broker, wakeup: Wakeup(), auditSilence: .zero)
        broker.show(to: delivery.inbox)
        try await trust.install(root.roles(1, expires: later), by: Self.admin)
        try await delivery.round()
        #expect(broker.retained[.time] == nil)
        #expect(try await trust.overview()?.signedTime == .notListed)
        try await trust.install(root.roles(2, expires: later, timeKeys: [clock]), by: Self.admin)
        func told() async throws -> Instant? {
            broker.forgetPublished()
            try await delivery.round()
            guard let message = broker.published.last(where: { $0.topic == .time })?.payload else { return nil }
            let signed = try COSESign(decoding: message)
            try signed.verify(
                threshold: 1, keys: [OfflineRoot.trusted(clock)], context: .time, using: VerificationKey.check)
            return try SignedTime(decoding: signed.payload).now
        }
        #expect(try await told() == fleet.clock.now)
        #expect(try await told() == nil)
        fleet.clock.advance(.minutes(61))
        #expect(try await told() == fleet.clock.now)
        delivery.connected()
        #expect(try await told() == fleet.clock.now)
        fleet.clock.advance(.days(366))
        #expect(try await told() == nil)
    }
}
