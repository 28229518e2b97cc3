import DeviceCore
import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import Logging
import MQTTTransport
import Synchronization
import Testing

@testable import DeviceHost
@testable import FleetController
@testable import VirtualFleet

/// A fleet with an offline root, a controller with its private mosquitto, and real devices.
final class TrustSite: Sendable {
    static let admin = Identity(name: "admin", role: .admin)
    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    let folder: URL
    let root: SigningKey
    let people: [SigningKey]
    let controller: FleetController
    let broker: EmbeddedBroker

    private init(folder: URL, root: SigningKey, controller: FleetController, broker: EmbeddedBroker) throws {
        self.folder = folder
        self.root = root
        people = [try SigningKey.generate(), try SigningKey.generate()]
        self.controller = controller
        self.broker = broker
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Runs a site around the body.
    ///
    /// - Parameter guardPlugin: of the broker; nil does without.
    static func run(
        guardPlugin: String? = nil, logger: Logger = quiet, _ body: @escaping @Sendable (TrustSite) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "trust-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let root = try SigningKey.generate()
        try PinnedRoot.pin(root.publicKey, in: folder)
        let pki = try FleetPKI(dataFolder: folder)
        let broker = try EmbeddedBroker(
            configuration: BrokerConfiguration(dataFolder: folder, guardPlugin: guardPlugin), pki: pki, logger: quiet)
        _ = try await broker.start()
        let endpoint = try #require(broker.endpoint)
        let controller = try FleetController(
            configuration: ControllerConfiguration(dataFolder: folder),
            pki: DeviceProvisioner(
                pki: pki, host: endpoint.host, port: endpoint.port, reloadBroker: { broker.reload() }),
            link: BrokerAttachment(endpoint: endpoint, broker: broker),
            compile: { CompiledImage(bytes: $0, arenaBytes: TinyModel.arenaBytes, compiler: "test") }, logger: logger)
        let site = try TrustSite(folder: folder, root: root, controller: controller, broker: broker)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await controller.run() }
            try await body(site)
            group.cancelAll()
            while try await group.next() != nil {}
        }
        try controller.store.close()
    }

    // MARK: The root's documents

    static func trusted(_ key: SigningKey, _ holder: String) -> TrustedKey {
        TrustedKey(id: key.keyID, publicKey: key.publicKey, holder: holder)
    }

    func roles(
        _ number: UInt64, lasting: Interval = .days(90), rotations: [[UInt8]] = [], timeKeys: [SigningKey] = [],
        delegations: [Delegation] = [], by signer: SigningKey? = nil
    ) throws -> [UInt8] {
        let signer = signer ?? root
        let roles = TrustRoles(
            number: number, expires: Instant.now().advanced(by: lasting),
            releaseKeys: people.map { Self.trusted($0, "person") }, threshold: 2, rotations: rotations,
            timeKeys: timeKeys.map { Self.trusted($0, "clock") }, delegations: delegations)
        var message = COSESign(payload: roles.encoded())
        try message.sign(.roles, keyID: signer.keyID, using: signer.sign)
        return message.encoded()
    }

    func install(_ message: [UInt8]) async throws { try await controller.trust.install(message, by: Self.admin) }

    /// As a controller in the wrong hands would publish it: unchecked.
    func force(_ message: [UInt8], number: Int64) async throws {
        try await controller.store.database.write { database in
            try TrustDocumentRecord(
                number: number, message: Data(message), threshold: 1, expiresAt: .now(), createdAt: .now()
            ).insert(database)
        }
        controller.delivering.wake()
    }

    // MARK: Releases

    /// A candidate with an image of its own.
    func candidate(_ name: String, gain: Float, scope: [String] = []) async throws -> ReleaseName {
        let image = try TinyModel.image(gain: gain)
        let version = try await controller.models.push(
            TinyModel.name, onnx: image, material: try TinyModel.part(image), by: Self.admin
        ).id
        return try await controller.releases.create(
            ReleaseRequest(name: try ReleaseName(name), versions: [.main: version], scope: scope), by: Self.admin
        ).record.name
    }

    /// A release that both people signed.
    func release(_ name: String, gain: Float, scope: [String] = []) async throws -> ReleaseName {
        let name = try await candidate(name, gain: gain, scope: scope)
        for (index, key) in people.enumerated() {
            let bytes = try await controller.releases.toBeSigned(name, key: key.keyID)
            _ = try await controller.releases.sign(
                name, key: key.keyID, signature: try key.sign(bytes),
                by: Identity(name: "person-\(index)", role: .approver))
        }
        return name
    }

    func rollOut(_ release: ReleaseName, to selector: String = "*") async throws -> Int64 {
        let rollout = try await controller.rollouts.create(
            RolloutRequest(
                release: release, selector: try Selector(selector), waves: [Wave(name: "all", cumulativeShare: 1)]),
            by: Self.admin)
        let id = try #require(rollout.id)
        _ = try await controller.rollouts.start(id, by: Self.admin)
        return id
    }

    /// As a controller in the wrong hands would: whatever the release, to any device.
    func force(_ release: ReleaseName, on device: DeviceID) async throws {
        let digest = try #require(try await controller.releases.get(release).record.digest)
        try await controller.store.database.write { database in
            try database.execute(sql: "UPDATE release SET stage = 'released' WHERE name = ?", arguments: [release])
            try DeviceSlotRecord(
                device: device, slot: .main, desiredRelease: digest, deadline: Instant.now().advanced(by: .days(1))
            ).save(database)
            try DesiredDocument.refresh(database, device, fallback: DevicePolicy())
        }
        controller.delivering.wake()
    }

    // MARK: Devices

    func device(_ name: String, tags: [String: String] = [:], time: any TimeSource = SystemTime()) async throws
        -> SiteDevice
    {
        let id = try DeviceID(name)
        let issued = try await controller.devices.provision(DeviceRequest(id: id, tags: tags), by: Self.admin)
        let place = folder.appending(path: "devices/\(name)")
        try issued.write(to: place.path())
        return try SiteDevice(id: id, folder: place, time: time)
    }

    static func eventually(
        _ what: Comment, seconds: Double = 20, sourceLocation: SourceLocation = #_sourceLocation,
        _ condition: () async throws -> Bool
    ) async throws {
        let end = Date().addingTimeInterval(seconds)
        while Date() < end {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        Issue.record(what, sourceLocation: sourceLocation)
    }
}

/// A device in its identity's folder, that can be stopped and started again.
final class SiteDevice: Sendable {
    let id: DeviceID
    private let configuration: DeviceConfiguration
    private let time: any TimeSource
    private let loop: MQTTLoop
    private let host = Mutex<DeviceHost?>(nil)
    private let problems = Mutex<[String]>([])

    init(id: DeviceID, folder: URL, time: any TimeSource) throws {
        self.id = id
        self.time = time
        loop = try MQTTLoop()
        loop.start()
        var configuration = try DeviceConfiguration(
            identity: folder.path(), folder: folder.appending(path: "state").path())
        configuration.limits.update.probation.duration = Interval(milliseconds: 200)
        configuration.limits.update.backoff = Interval(milliseconds: 200)
        configuration.limits.startSpread = Interval(milliseconds: 0)
        self.configuration = configuration
    }

    deinit { loop.stop() }

    func start() throws {
        var platform = DevicePlatform.system(loop: loop)
        platform.time = time
        let host = try DeviceHost(configuration: configuration, platform: platform) { [weak self] notice in
            if case .problem(let text) = notice { self?.problems.withLock { $0.append(text) } }
        }
        self.host.withLock { $0 = host }
        host.start()
    }

    func stop() async {
        guard let host = host.withLock({ $0 }) else { return }
        await withCheckedContinuation { done in host.stop { done.resume() } }
        self.host.withLock { $0 = nil }
    }

    /// Reads something of the host on its loop.
    func read<Value: Sendable>(_ body: @escaping @Sendable (DeviceHost) -> Value) async throws -> Value {
        let host = try #require(host.withLock { $0 })
        return await withCheckedContinuation { done in loop.perform { done.resume(returning: body(host)) } }
    }

    var root: KeyID { get async throws { try await read { $0.root.id } } }
    var rolesNumber: UInt64? { get async throws { try await read { $0.roles?.number } } }
    var now: Instant { get async throws { try await read { $0.now() } } }
    var status: SlotStatus? { get async throws { try await read { $0.status.first } } }

    func complained(of text: String) -> Bool { problems.withLock { $0.contains { $0.contains(text) } } }
}
