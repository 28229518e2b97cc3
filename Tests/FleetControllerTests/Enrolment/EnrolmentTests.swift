import FleetCrypto
import FleetModel
import FleetStore
import Foundation
import GRDB
import Logging
import Testing

@testable import FleetController

/// A controller with a real authority and no broker, and devices that ask.
final class EnrolmentScene: Sendable {
    static let alice = Identity(name: "alice", role: .operator)
    let folder: URL
    let clock = TestClock()
    let pki: FleetPKI
    /// What the controller has of it.
    let wrapped: any DevicePKI
    let controller: FleetController

    init(_ wrap: (DeviceProvisioner) -> any DevicePKI = { $0 }) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "enrol-\(UUID().uuidString)")
        let clock = clock
        pki = try FleetPKI(dataFolder: folder, clock: { clock.now })
        wrapped = wrap(DeviceProvisioner(pki: pki, host: "127.0.0.1", port: 1))
        controller = try FleetController(
            configuration: ControllerConfiguration(dataFolder: folder), pki: wrapped,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, now: { clock.now })
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func claim(
        _ pattern: String = "press-7", tags: [String: String] = [:], replaces: Bool = false,
        validity: Interval = .minutes(60)
    ) async throws -> EnrolmentClaim {
        let request = ClaimRequest(
            pattern: pattern, station: replaces ? nil : try StationID("cell-4"), tags: tags, replaces: replaces,
            validity: validity,
            url: "http://127.0.0.1:8480")
        return try EnrolmentClaim(try await controller.enrolment.createClaim(request, by: Self.alice).text)
    }

    func request(
        _ claim: EnrolmentClaim, as device: String = "press-7", key: PrivateKey? = nil, signing: SigningKey? = nil
    ) throws -> EnrolmentRequest {
        try EnrolmentRequest(
            claim: claim, device: DeviceID(device), key: key ?? PrivateKey.generate(),
            signingKey: signing ?? SigningKey.generate(),
            hardware: "x86_64-generic")
    }

    func alerts() async throws -> [AlertRecord] {
        try await controller.store.database.read {
            try AlertRecord.filter(Column("kind") == AlertKind.identity).fetchAll($0)
        }
    }

    func audited(_ command: String) async throws -> [AuditEntryRecord] {
        try await controller.store.database.read {
            try AuditEntryRecord.filter(Column("command") == command).fetchAll($0)
        }
    }

    func device(_ id: String) async throws -> DeviceRecord? {
        try await controller.store.database.read { try DeviceRecord.fetchOne($0, key: id) }
    }
}

@Suite("Enrolment by claim")
struct EnrolmentTests {
    @Test("a claim gives a new device its certificate, station and tags, once, and the audit knows who allowed it")
    func enrols() async throws {
        let scene = try EnrolmentScene()
        let claim = try await scene.claim(tags: ["line": "4"])
        let key = try PrivateKey.generate()
        let grant = try await scene.controller.enrolment.enrol(scene.request(claim, key: key), from: "10.0.0.9")
        try grant.verify(claim: claim, device: DeviceID("press-7"), key: key)
        let device = try #require(try await scene.device("press-7"))
        #expect(device.station?.text == "cell-4" && device.generation == 1)
        #expect(try device.certificateSerial == Certificate(pem: grant.certificate).serial)
        let tags = try await scene.controller.store.database.read {
            try DeviceQueries.tags($0, of: DeviceID("press-7"))
        }
        #expect(tags == ["line": "4"] && grant.tags == "line=4")
        #expect(try await scene.audited("claims.create").first?.identity == "alice")
        let entry = try #require(try await scene.audited("devices.enrol").first)
        #expect(entry.subject == "press-7" && entry.detail.contains("10.0.0.9"))
        let stored = try await scene.controller.store.queries.claims(limit: 10)
        #expect(stored.map(\.device?.text) == ["press-7"])
    }

    @Test("the secret of a claim is nowhere on the controller's disk")
    func secret() async throws {
        let scene = try EnrolmentScene()
        let claim = try await scene.claim()
        _ = try await scene.controller.enrolment.enrol(scene.request(claim), from: "a")
        let fields = claim.text.split(separator: "." as Character)
        let secret = try #require(fields.first { $0.count == 22 })
        try scene.controller.store.close()
        for name in try FileManager.default.subpathsOfDirectory(atPath: scene.folder.path()) {
            guard let bytes = FileManager.default.contents(atPath: scene.folder.appending(path: name).path()) else {
                continue
            }
            #expect(bytes.range(of: Data(secret.utf8)) == nil, "\(name)")
        }
    }

    @Test("an answer that was lost is given again to the same key, also after the claim expired")
    func repeats() async throws {
        let scene = try EnrolmentScene()
        let claim = try await scene.claim()
        let request = try scene.request(claim)
        let first = try await scene.controller.enrolment.enrol(request, from: "a")
        scene.clock.advance(.days(2))
        let second = try await scene.controller.enrolment.enrol(request, from: "b")
        #expect(second.certificate == first.certificate)
        #expect(try await scene.audited("devices.enrol").count == 1)
    }

    enum Mistake: String, CaseIterable {
        case used, expired, withdrawn, wrongDevice, notSigned, unknownClaim, deviceExists, revoked
    }

    @Test("everything else is refused, logged in the audit and alerted with what to do", arguments: Mistake.allCases)
    func refused(mistake: Mistake) async throws {
        let scene = try EnrolmentScene()
        let enrolment = scene.controller.enrolment
        let claim = try await scene.claim(mistake == .wrongDevice ? "press-*" : "press-7")
        var request = try scene.request(claim)
        switch mistake {
        case .used: _ = try await enrolment.enrol(scene.request(claim), from: "a")
        case .expired: scene.clock.advance(.minutes(61))
        case .withdrawn: try await enrolment.withdrawClaim(claim.id, by: EnrolmentScene.alice)
        case .wrongDevice: request = try scene.request(claim, as: "oven-1")
        case .notSigned: request.signature = request.proof
        case .unknownClaim:
            let authority = scene.pki.authority.certificate.fingerprint
            request = try scene.request(EnrolmentClaim.make(url: "http://h", authority: authority))
        case .deviceExists:
            _ = try await scene.controller.devices.provision(
                DeviceRequest(id: DeviceID("press-7")), by: EnrolmentScene.alice)
        case .revoked:
            _ = try await enrolment.enrol(request, from: "a")
            // No broker answers here; what the database and the list say is done before that is known.
            await #expect(throws: ControllerError.self) {
                try await scene.controller.devices.revoke(
                    DeviceID("press-7"), reason: "stolen", by: EnrolmentScene.alice)
            }
        }
        let sent = request
        let error = await #expect(throws: ControllerError.self) {
            _ = try await enrolment.enrol(sent, from: "10.9.9.9")
        }
        #expect(error?.code == .forbidden)
        let alert = try #require(try await scene.alerts().first)
        #expect(alert.reason.contains("10.9.9.9") && !alert.action.isEmpty)
        let entry = try #require(try await scene.audited("devices.enrolRefused").first)
        #expect(entry.detail.contains(mistake.rawValue))
        // A stranger learns nothing about claims; whoever holds one learns why.
        let isStranger = [.notSigned, .unknownClaim].contains(mistake)
        #expect(error?.message.contains("no such claim") == isStranger)
    }

    @Test("a stranger who tries claim after claim makes one alert and one audit entry")
    func flood() async throws {
        let scene = try EnrolmentScene()
        let authority = scene.pki.authority.certificate.fingerprint
        for _ in 0..<20 {
            let request = try scene.request(EnrolmentClaim.make(url: "http://h", authority: authority))
            _ = try? await scene.controller.enrolment.enrol(request, from: "10.9.9.9")
        }
        #expect(try await scene.alerts().count == 1)
        #expect(try await scene.audited("devices.enrolRefused").count == 1)
    }

    @Test("a replacing claim gives a device a new identity at its place, and the old certificate is revoked")
    func replacesIdentity() async throws {
        let scene = try EnrolmentScene()
        let enrolment = scene.controller.enrolment
        let first = try await enrolment.enrol(scene.request(scene.claim(tags: ["line": "4"])), from: "a")
        await #expect(throws: ControllerError.self) { _ = try await scene.claim() }
        let error = await #expect(throws: ControllerError.self) {
            _ = try await scene.claim(tags: ["line": "5"], replaces: true)
        }
        #expect(error?.code == .invalid, "what is not looked at is not taken")
        let second = try await enrolment.enrol(scene.request(scene.claim(replaces: true)), from: "b")
        let device = try #require(try await scene.device("press-7"))
        #expect(try device.certificateSerial == Certificate(pem: second.certificate).serial)
        #expect(device.station?.text == "cell-4" && device.revokedAt == nil && second.tags == "line=4")
        let register = try RevocationRegister(file: scene.folder.appending(path: "pki/revoked.json"))
        #expect(try register.certificates.map(\.serial) == [Certificate(pem: first.certificate).serial])
    }

    @Test("a broken device's successor gets its station, tags and releases; the station keeps both")
    func replacesDevice() async throws {
        let scene = try EnrolmentScene()
        let devices = scene.controller.devices
        for (id, tags) in [("old", ["side": "L"]), ("new", ["batch": "9"])] {
            _ = try await devices.provision(DeviceRequest(id: DeviceID(id), tags: tags), by: EnrolmentScene.alice)
        }
        let release = try #require(Digest([UInt8](repeating: 9, count: 32)))
        try await scene.controller.store.database.write { database in
            try DeviceSlotRecord(device: DeviceID("old"), slot: SlotName("main"), desiredRelease: release).insert(
                database)
        }
        await #expect(throws: ControllerError.self) {
            try await devices.replace(DeviceID("old"), by: DeviceID("new"), reason: "wet", by: EnrolmentScene.alice)
        }
        let old = try #require(try await scene.device("old"))
        let new = try #require(try await scene.device("new"))
        #expect(old.revokedAt != nil && old.station?.text == "old" && new.station?.text == "old")
        #expect(new.generation == 2)
        let (tags, slot) = try await scene.controller.store.database.read { database in
            let key: [String: any DatabaseValueConvertible] = ["device": "new", "slot": "main"]
            return (
                try DeviceQueries.tags(database, of: DeviceID("new")), try DeviceSlotRecord.fetchOne(database, key: key)
            )
        }
        #expect(tags == ["side": "L", "batch": "9"] && slot?.desiredRelease == release)
        await #expect(throws: ControllerError.self) {
            try await devices.replace(DeviceID("new"), by: DeviceID("new"), reason: "", by: EnrolmentScene.alice)
        }
    }

    @Test(
        "a claim picks by id or by its beginning",
        arguments: [("press-7", true), ("press-*", true), ("*", true), ("oven", false)])
    func patterns(text: String, matches: Bool) throws {
        #expect(try DevicePattern(text).matches(DeviceID("press-7")) == matches)
    }

    @Test("what picks no device is refused", arguments: ["", "a b", "*7", "a*b*", "a/b*"])
    func noPattern(text: String) {
        let error = #expect(throws: ControllerError.self) { _ = try DevicePattern(text) }
        #expect(error?.code == .invalid)
    }
}
