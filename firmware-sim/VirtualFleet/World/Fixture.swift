import DeviceCore
import DeviceHost
import FleetController
import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import Logging
import Synchronization

/// A release as the world's people made it.
struct FixtureRelease: Sendable {
    let name: ReleaseName
    let digest: Digest
    /// The signed message.
    let message: [UInt8]
    let manifest: ReleaseManifest
    let image: [UInt8]
    let imageDigest: Digest
    /// Its golden outputs are those of its image: it must install. The others must not.
    let isSound: Bool

    init(name: ReleaseName, message: [UInt8], manifest: ReleaseManifest, image: [UInt8], isSound: Bool) {
        self.name = name
        digest = SHA256.hash(message)
        self.message = message
        self.manifest = manifest
        self.image = image
        imageDigest = SHA256.hash(image)
        self.isSound = isSound
    }

    var counter: UInt64 { manifest.counter }
}

/// What every world of a process begins with, made once by the real services: keys, devices, releases that people
/// signed, and the controller's database with all of it.
final class Fixture: Sendable {
    /// The world's first instant.
    static let beginning = Instant(milliseconds: 1_800_000_000_000)
    static let deviceCount = 20
    /// At least what one image is cut into.
    static let chunks = 34
    static let input = FrameDescription(
        kind: .timeseries, steps: 4, width: 4, channels: (0..<4).map { Channel(name: "a\($0)", unit: "g") })

    static let firstDevice = DeviceID(unchecked: "d01")

    let devices: [(id: DeviceID, tags: [String: String], key: SigningKey)]
    let root: TrustedKey
    let people: [SigningKey]
    /// By name.
    let releases: [String: FixtureRelease]
    let attacks: [Attack: FixtureRelease]
    /// The controller's database file.
    let database: [UInt8]
    /// A device's database after its first start, before it holds anything.
    let deviceDatabase: [UInt8]
    /// Blobs never change, so all worlds read the same ones.
    let blobs: BlobStore
    let folder: URL
    let policy: DevicePolicy
    /// SHA-256 and Ed25519 that remember what they verified: twenty devices check the same few signatures.
    let trust = TrustFunctions.remembering()

    deinit { try? FileManager.default.removeItem(at: folder) }

    static func policy() -> DevicePolicy {
        DevicePolicy(
            reportInterval: .seconds(45),
            sampling: SamplingPolicy(floor: 0.02, slope: 0.02, bytesPerDay: 1 << 22, burstBytes: 1 << 16))
    }

    /// Makes everything in a folder of its own; takes a second.
    init(_ plan: FixturePlan = FixturePlan()) async throws {
        policy = plan.policy
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-worlds-\(UUID().uuidString)")
        var configuration = ControllerConfiguration(dataFolder: folder)
        configuration.devicePolicy = plan.policy
        let rootKey = try Self.key("root")
        root = rootKey.trusted(holder: "root")
        people = [try Self.key("ops"), try Self.key("lead")]
        let models = try plan.models.map { try $0.made(for: plan.sensor) }
        let arenas = Dictionary(models.map { (SHA256.hash($0.image), $0.part.image.arenaBytes) }) { first, _ in first }
        let controller = try await Self.controller(
            configuration, arenas: arenas, root: rootKey,
            people: zip(["ops", "lead"], people).map { (holder: $0, key: $1) },
            now: { Self.beginning })
        var devices: [(id: DeviceID, tags: [String: String], key: SigningKey)] = []
        for machine in plan.machines {
            _ = try await controller.devices.provision(DeviceRequest(id: machine.id, tags: machine.tags), by: .local)
            devices.append((machine.id, machine.tags, try Self.key(machine.id.text)))
        }
        self.devices = devices
        var releases: [String: FixtureRelease] = [:]
        for model in models { releases[model.name] = try await Self.release(model, people, controller) }
        self.releases = releases
        attacks = try Attack.all(people: people, after: releases)
        blobs = controller.blobs
        try await controller.store.database.write { database in
            try database.execute(sql: "UPDATE release SET stage = 'approved'")
        }
        try await controller.store.database.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        try controller.store.close()
        let file = folder.appendingPathComponent(FleetStore.fileName)
        database = [UInt8](try Data(contentsOf: file))
        deviceDatabase = try Self.emptyDeviceDatabase()
    }

    /// What the agent's own store makes of an empty disk: nearly all of a world's devices begin with it.
    private static func emptyDeviceDatabase() throws -> [UInt8] {
        let flash = Flash()
        let mount = "fixture-\(UUID().uuidString)"
        let folder = FlashVFS.mount(flash, as: mount)
        defer { FlashVFS.unmount(mount) }
        let path = DeviceHost.databasePath(in: folder)
        try DeviceHost.prepareDatabase(at: path)
        guard let bytes = flash.contents(path), !bytes.isEmpty else {
            throw WorldError.fixture("a device's database was not written")
        }
        return bytes
    }

    /// The same key for a name in every process.
    static func key(_ name: String) throws -> SigningKey {
        try SigningKey(seed: SHA256.hash("\(name) of a virtual fleet".utf8).bytes)
    }

    private static func release(
        _ model: MadeModel, _ people: [SigningKey], _ controller: FleetController
    ) async throws -> FixtureRelease {
        let image = model.image
        let record = try await release(model.name, image, model.part, people, controller)
        guard record.digest != nil, let signed = record.signed else {
            throw WorldError.fixture("release \(model.name) was not approved")
        }
        try await SteppedController.prepare(
            SHA256.hash(image), chunks: chunks, blobs: controller.blobs, store: controller.store, at: beginning)
        return FixtureRelease(
            name: record.name, message: [UInt8](signed),
            manifest: try ReleaseManifest(decoding: [UInt8](record.manifest)), image: image, isSound: model.isSound)
    }

    /// A release of one image that people signed, in use.
    static func release(
        _ name: String, _ image: [UInt8], _ part: ReleasePart, _ people: [SigningKey], _ controller: FleetController
    ) async throws -> ReleaseRecord {
        let version = try await controller.models.push(
            TinyModel.name, onnx: image, material: part, by: .local
        ).id
        let request = ReleaseRequest(name: ReleaseName(unchecked: name), versions: [.main: version])
        _ = try await controller.releases.create(request, by: .local)
        for (index, key) in people.enumerated() {
            let bytes = try await controller.releases.toBeSigned(
                request.name ?? ReleaseName(unchecked: name), key: key.keyID)
            _ = try await controller.releases.sign(
                ReleaseName(unchecked: name), key: key.keyID, signature: try key.sign(bytes),
                by: Identity(name: "person-\(index)", role: .approver))
        }
        // In use, so that the next release may name it as a place to return to.
        let record = try await controller.store.database.write { database in
            try database.execute(sql: "UPDATE release SET stage = 'released' WHERE name = ?", arguments: [name])
            return try ReleaseRecord.fetchOne(database, key: ReleaseName(unchecked: name))
        }
        guard let record else { throw WorldError.fixture("release \(name) is not stored") }
        return record
    }

    /// A controller in a folder of its own whose people hold these keys.
    static func controller(
        _ configuration: ControllerConfiguration, arenas: [Digest: Int] = [:], root: SigningKey,
        people: [(holder: String, key: SigningKey)],
        now: @escaping @Sendable () -> Instant
    ) async throws -> FleetController {
        try FileManager.default.createDirectory(at: configuration.keyFolder, withIntermediateDirectories: true)
        for (name, key) in [(holder: "root", key: root), (holder: "time", key: try key("time"))] + people {
            try key.write(pemFile: configuration.keyFolder.appendingPathComponent("\(name).pem").path)
        }
        let controller = try FleetController(
            configuration: configuration, pki: FixturePKI(),
            // Images come compiled.
            compile: { image in
                let arena = arenas[SHA256.hash(image)] ?? TinyModel.arenaBytes
                return CompiledImage(bytes: image, arenaBytes: arena, compiler: "virtual")
            },
            logger: Logger(label: "fixture") { _ in SwiftLogNoOpLogHandler() }, now: now)
        _ = try await controller.trust.initialise(holders: people.map(\.holder), by: .local)
        return controller
    }

    /// Values in a frame of a release; those of the built-in network if nothing serves.
    func frameValues(of release: Digest?) -> Int {
        guard let release else { return Self.input.valueCount }
        return sound(release)?.manifest.parts.first?.input.valueCount ?? Self.input.valueCount
    }

    var largestImage: Int { releases.values.map(\.image.count).max() ?? 0 }

    /// The release with this digest that a device may run, if it is one.
    func sound(_ digest: Digest) -> FixtureRelease? {
        releases.values.first { $0.digest == digest && $0.isSound }
    }
}

/// Why a world could not be made.
enum WorldError: Error, CustomStringConvertible {
    case fixture(String)
    case controller(String)

    var description: String {
        switch self {
        case .fixture(let what): "the worlds' fixture could not be made: \(what)"
        case .controller(let what): "the simulated controller failed: \(what)"
        }
    }
}

/// Keys without certificates, the same in every process.
private struct FixturePKI: DevicePKI {
    func issue(_ device: DeviceID) throws -> IssuedIdentity {
        IssuedIdentity(
            files: [:], signingKey: try Fixture.key(device.text).publicKey, certificateSerial: "serial-\(device)")
    }

    func revoke(_ device: DeviceID, serial: String?) throws {}
}

extension TrustFunctions {
    /// The system's functions with a memory for verdicts, which depend on nothing but their arguments.
    static func remembering() -> TrustFunctions {
        let system = TrustFunctions.system
        let verdicts = VerdictMemory()
        return TrustFunctions(
            hash: system.hash,
            verify: { key, signature, message in
                verdicts.verdict(on: signature + key + SHA256.hash(message).bytes) {
                    system.verify(key, signature, message)
                }
            })
    }
}

/// Verdicts by what was judged.
private final class VerdictMemory: Sendable {
    private let known = Mutex<[[UInt8]: Bool]>([:])
    /// Verdicts kept; past it everything is judged anew.
    private static let limit = 10_000

    func verdict(on key: [UInt8], _ judge: () -> Bool) -> Bool {
        if let verdict = known.withLock({ $0[key] }) { return verdict }
        let verdict = judge()
        known.withLock { known in
            if known.count >= Self.limit { known.removeAll() }
            known[key] = verdict
        }
        return verdict
    }
}
