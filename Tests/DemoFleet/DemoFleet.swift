public import FleetController
import FleetCrypto
public import FleetModel
public import FleetStore
public import Foundation
import GRDB
import Logging

/// A plausible fleet in a fresh data folder, for tests and screenshots: 20 devices of which the left arms have drifted,
/// three versions, a finished and a running rollout, reports, samples, alerts. All of it comes from one seed.
public struct DemoFleet: Sendable {
    /// The controller on the seeded store; nothing of it runs.
    public let controller: FleetController
    public let folder: URL
    /// Tokens by role.
    public let tokens: [Role: String]
    /// PEM files of the release keys' private halves, by holder.
    public let keyFiles: [String: String]
    /// The running rollout.
    public let rollout: Int64
    /// When the fleet was seeded.
    public let now: Instant
    private let removal: FolderRemoval

    public init(
        now: Instant = Instant.now(), _ change: (inout ControllerConfiguration) -> Void = { _ in }
    ) async throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "martlet-demo-fleet-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        removal = FolderRemoval(folder: folder)
        var configuration = ControllerConfiguration(dataFolder: folder, broker: .embedded(port: nil))
        configuration.groupTags = ["side"]
        change(&configuration)
        controller = try FleetController(
            configuration: configuration, pki: DemoPKI(),
            logger: Logger(label: "demo") { _ in SwiftLogNoOpLogHandler() })
        self.now = now
        var tokens: [Role: String] = [:]
        for (role, name) in [
            (Role.viewer, "Vera"), (.annotator, "Anna"), (.operator, "ops"), (.approver, "lead"), (.admin, "admin"),
        ] {
            tokens[role] = try await controller.tokens.create(identity: name, role: role, by: .local).text
        }
        self.tokens = tokens
        _ = try await controller.webhooks.create(
            url: "http://127.0.0.1:9000/alerts", kinds: [.drift, .accuracy], by: .local)
        var keys: [String: SigningKey] = [:]
        var files: [String: String] = [:]
        for holder in ["ops", "lead"] {
            let key = try SigningKey.generate()
            keys[holder] = key
            files[holder] = folder.appending(path: "\(holder).pem").path
            try key.write(pemFile: files[holder] ?? "")
        }
        keyFiles = files
        let seed = DemoSeed(now: now, keys: keys)
        rollout = try await controller.store.database.write { database in try seed.fill(database) }
        _ = try await controller.policies.put(
            "retrain-left", kind: .retrain, document: DemoSeed.retrainPolicy, by: Identity(name: "ops", role: .operator)
        )
        for sample in try await controller.store.queries.samples(state: .open, limit: 12).items
        where sample.model == DemoSeed.model {
            _ = try await controller.samples.annotate(
                sample.id ?? 0, verdict: .class, className: sample.predictedClass, seconds: 2,
                by: Identity(name: "Anna", role: .annotator))
        }
    }

    /// Finishes the running rollout step by step, as receipts would.
    public func advanceRollout() async throws -> Bool {
        let id = rollout
        let now = Instant.now()
        let isDone = try await controller.store.database.write { database in
            let waiting = try RolloutDeviceRecord.filter(
                Column("rollout") == id && ![RolloutDeviceState.succeeded, .failed].contains(Column("state"))
            ).order(Column("wave"), Column("device")).limit(3).fetchAll(database)
            for var entry in waiting {
                entry.state = .succeeded
                entry.endedAt = now
                try entry.update(database)
            }
            guard waiting.isEmpty, var record = try RolloutRecord.fetchOne(database, key: id) else { return false }
            record.state = .completed
            record.endedAt = now
            try record.update(database)
            return true
        }
        controller.events.publish(ChangeEvent(.rollout, id))
        return isDone
    }

    /// Adds a newer accuracy estimate, as annotations would.
    public func addEstimate(_ estimate: Double, labels: Int) async throws {
        let now = Instant.now()
        try await controller.store.database.write { database in
            for group in ["side=L", "side=R"] {
                var record = AccuracyEstimateRecord(
                    groupKey: group, model: DemoSeed.model, number: 2, estimate: estimate, low: estimate - 0.06,
                    high: min(1, estimate + 0.06), labels: labels, promised: 0.75, at: now)
                try record.insert(database)
            }
        }
        controller.events.publish(ChangeEvent(.accuracy, "side=L"))
    }
}

/// Removes the data folder when nobody uses the fleet any more.
final class FolderRemoval: Sendable {
    private let folder: URL

    init(folder: URL) { self.folder = folder }

    deinit { try? FileManager.default.removeItem(at: folder) }
}

/// Certificates for devices that ask with a claim; those of the seed have none, and nobody connects.
struct DemoPKI: DevicePKI, DeviceAuthority {
    private let issuer: CertificateAuthority
    var authority: (any DeviceAuthority)? { self }
    var fingerprint: Digest { issuer.certificate.fingerprint }

    private static let validity = CertificateAuthority.Validity(
        from: .epoch, until: Instant(milliseconds: 4_000_000_000_000))

    init() throws { issuer = try CertificateAuthority.create(name: "demo", validity: Self.validity) }

    func certify(_ device: DeviceID, _ request: CertificateRequest) throws -> Certificate {
        try issuer.issueClient(for: request, commonName: device.text, validity: Self.validity)
    }

    func grant(
        _ device: DeviceID, certificate: String, root: TrustedKeyRecord?, tags: [String: String]
    ) throws -> EnrolmentGrant {
        var grant = EnrolmentGrant(
            device: device, certificate: certificate, authority: try issuer.certificate.pem(),
            rootKey: root.map { [UInt8]($0.publicKey) } ?? [UInt8](repeating: 7, count: 32), brokerHost: "127.0.0.1",
            brokerPort: 1, topicPrefix: "martlet/v1/", tags: IssuedIdentity.text(of: tags))
        grant.signature = try issuer.sign(grant.transcript)
        return grant
    }

    func endSession(of device: DeviceID) async throws {}

    func issue(_ device: DeviceID) throws -> IssuedIdentity {
        IssuedIdentity(
            files: ["device.conf": "id = \(device)\n", "key.pem": "none\n"],
            signingKey: [UInt8](repeating: 7, count: 32), certificateSerial: "0a")
    }

    func revoke(_ device: DeviceID, serial: String?) throws {}
}
