import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import Logging
import MQTTTransport
import ModelImage
import Sketches
import Testing

@testable import FleetController

/// A controller on a folder of its own, with the people, keys and a model that most tests need.
///
/// Unchecked: a test uses its fleet from one task, one call after another.
final class TestFleet: @unchecked Sendable {
    static let alice = Identity(name: "alice", role: .operator)
    static let bob = Identity(name: "bob", role: .approver)
    static let viewer = Identity(name: "victor", role: .viewer)

    let folder: URL
    let clock = TestClock()
    let pki = FakePKI()
    private(set) var controller: FleetController
    private(set) var keys: [NewReleaseKey] = []

    init(_ change: (inout ControllerConfiguration) -> Void = { _ in }) async throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID().uuidString)")
        var configuration = ControllerConfiguration(dataFolder: folder)
        change(&configuration)
        controller = try Self.open(configuration, pki, clock)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private static func open(
        _ configuration: ControllerConfiguration, _ pki: FakePKI, _ clock: TestClock
    ) throws -> FleetController {
        try FleetController(
            configuration: configuration, pki: pki,
            compile: { onnx in
                // A real image stays one; anything else only has to differ from its ONNX.
                let isImage = onnx.starts(with: withUnsafeBytes(of: ImageFormat.magic.littleEndian, Array.init))
                return CompiledImage(bytes: isImage ? onnx : [0x49] + onnx, arenaBytes: 64, compiler: "test")
            },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, now: { clock.now })
    }

    /// A new process on the same folder: all memory is gone.
    func restart() throws {
        try controller.store.close()
        controller = try Self.open(controller.configuration, pki, clock)
    }

    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await controller.store.database.read(body)
    }

    // MARK: People and keys

    /// Makes two release keys under a root key; both must sign.
    func makeKeys() async throws {
        let folder = controller.configuration.keyFolder
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try SigningKey.generate().write(pemFile: folder.appendingPathComponent("root.pem").path)
        keys = try await controller.trust.initialise(holders: ["ops", "lead"], by: .local)
    }

    func signature(_ release: ReleaseName, key index: Int) async throws -> [UInt8] {
        let bytes = try await controller.releases.toBeSigned(release, key: keys[index].id)
        return try SigningKey(pemFile: keys[index].file.path).sign(bytes)
    }

    // MARK: Models and releases

    static let classes = ["PEN", "ABD"]
    static let input = FrameDescription(
        kind: .timeseries, steps: 2, width: 2,
        channels: [Channel(name: "ax", unit: "g"), Channel(name: "ay", unit: "g")])

    /// What a release of a version needs; bins of `ax` are 0…1 and 1…2, both equally full in training.
    static func part(_ version: VersionID = VersionID(model: ModelName(unchecked: "m"), number: 1)) -> ReleasePart {
        ReleasePart(
            slot: .main, version: version,
            image: ImageReference(digest: SHA256.hash([UInt8]()), bytes: 0, arenaBytes: 0), input: input,
            classes: classes, normalisation: Normalisation(offset: [0, 0], scale: [1, 1]),
            thresholds: Thresholds(derivedFrom: version, promisedAccuracy: 0.75, minimumConfidence: 0.5),
            baseline: Baseline(
                features: [
                    FeatureBaseline(
                        channel: 0, statistic: .reading, edges: [0, 1, 2], counts: [500, 500], driftThreshold: 0.5)
                ],
                predictions: PredictionBaseline(counts: [500, 500], driftThreshold: .infinity), minimumInferences: 100),
            golden: GoldenProof(inputs: [[0, 0, 0, 0]], outputs: [[0.5, 0.5]], tolerance: 0.001, latencyLimit: 10_000))
    }

    /// Pushes a version with material; `size` bytes of ONNX that do not compress.
    @discardableResult
    func pushVersion(
        _ model: String = "m", size: Int = 100, image: [UInt8]? = nil, dependencies: [VersionID] = []
    ) async throws -> VersionID {
        var generator = SystemRandomNumberGenerator()
        let onnx = image ?? (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let record = try await controller.models.push(
            try ModelName(model), onnx: onnx, lineage: Lineage(dependencies: dependencies), material: Self.part(),
            by: Self.alice)
        return record.id
    }

    /// A release of a new version, signed by both keys.
    func approvedRelease(size: Int = 100, image: [UInt8]? = nil) async throws -> ReleaseDetail {
        if keys.isEmpty { try await makeKeys() }
        let version = try await pushVersion(size: size, image: image)
        let name = try await controller.releases.create(ReleaseRequest(versions: [.main: version]), by: Self.alice)
            .record.name
        _ = try await controller.releases.sign(
            name, key: keys[0].id, signature: signature(name, key: 0), by: Self.alice)
        return try await controller.releases.sign(
            name, key: keys[1].id, signature: signature(name, key: 1), by: Self.bob)
    }

    /// A release of the devices' own program, signed by both keys.
    func approvedAgent(_ program: [UInt8], name: String = "1.4.0") async throws -> ReleaseDetail {
        if keys.isEmpty { try await makeKeys() }
        let version = try await controller.agents.push(
            program, name: name, hardware: ["x86_64-generic"], by: Self.alice)
        let release = try await controller.releases.create(
            ReleaseRequest(versions: [.agent: version.id]), by: Self.alice
        ).record.name
        _ = try await controller.releases.sign(
            release, key: keys[0].id, signature: signature(release, key: 0), by: Self.alice)
        return try await controller.releases.sign(
            release, key: keys[1].id, signature: signature(release, key: 1), by: Self.bob)
    }

    // MARK: Devices

    @discardableResult
    func makeDevices(_ ids: [String], tags: [String: String] = [:]) async throws -> [DeviceID] {
        let devices = try ids.map { try DeviceID($0) }
        for device in devices {
            _ = try await controller.devices.provision(DeviceRequest(id: device, tags: tags), by: Self.alice)
        }
        return devices
    }

    /// Starts a rollout of a release, to all who are selected at once.
    func rollOut(_ release: ReleaseDetail, to selector: Selector = .all) async throws {
        let record = try await controller.rollouts.create(
            RolloutRequest(
                release: release.record.name, selector: selector, waves: [Wave(name: "all", cumulativeShare: 1)]),
            by: Self.alice)
        _ = try await controller.rollouts.start(record.id ?? 0, by: Self.alice)
    }

    /// Delivery over a broker in memory, which shows it what it holds.
    func delivery(over broker: FakeBroker) -> DeliveryService {
        let service = DeliveryService(context: controller.context, link: broker, wakeup: Wakeup())
        broker.show(to: service.inbox)
        return service
    }

    /// Hands messages to ingest as the broker would.
    func ingest(_ messages: [(Topic, [UInt8])], broker: FakeBroker = FakeBroker()) async {
        let service = ingestService(broker)
        for (topic, payload) in messages { payload.withUnsafeBytes { service.receive(topic, $0) } }
        await service.process(service.queue.drain(limit: .max))
    }

    func ingestService(_ broker: FakeBroker) -> IngestService {
        IngestService(
            context: controller.context, send: { broker.send($0, $1, priority: .control) }, judge: { _ in },
            reseed: { _ in }, deliver: {})
    }

    /// What a device says once it runs a release: with its receipt, and those of others that it ran.
    func committed(
        _ device: DeviceID, _ release: ReleaseDetail, previous: Digest? = nil, after others: [ReleaseDetail] = []
    ) async throws -> (Topic, [UInt8]) {
        let digest = try #require(release.record.digest)
        let slot = try #require(release.manifest.parts.first).slot
        return try await reported(
            device, slot: slot, phase: .committed, target: digest, champion: digest, previous: previous,
            receipts: try (others + [release]).map { try receipt(device, $0) })
    }

    /// A device's signed word that it runs a release.
    func receipt(_ device: DeviceID, _ release: ReleaseDetail) throws -> [UInt8] {
        let part = try #require(release.manifest.parts.first)
        let receipt = Receipt(
            slot: part.slot, release: try #require(release.record.digest), image: part.image.digest,
            version: part.version, counter: release.manifest.counter, goldenError: 0, latency: 50,
            instructionSet: "avx2", runtimeVersion: "1.0.0", committedAt: clock.now)
        let key = try #require(pki.key(device))
        let payload = receipt.encoded()
        let signature = try key.sign(
            COSESign.toBeSigned(payload: payload, context: .receipt, keyID: key.keyID))
        return COSESign(payload: payload, signatures: [.init(keyID: key.keyID, signature: signature)]).encoded()
    }

    /// What a device says of its slot, having seen its newest desired document.
    func reported(
        _ device: DeviceID, slot: SlotName = .main, phase: InstallPhase, target: Digest?, champion: Digest? = nil,
        previous: Digest? = nil, failure: InstallFailure? = nil, receipts: [[UInt8]] = []
    ) async throws -> (Topic, [UInt8]) {
        let generation = try await read { try DeviceRecord.fetchOne($0, key: device)?.generation ?? 0 }
        let slot = ReportedSlot(
            slot: slot, phase: phase, target: target, progress: 1, failure: failure, detail: "", champion: champion,
            previous: previous, receipts: receipts)
        return (.reported(device), Reported(observedGeneration: UInt64(generation), slots: [slot]).encoded())
    }

    /// A report whose readings lie in the two bins of the baseline.
    static func report(
        _ release: ReleaseDetail, boot: String = "b1", sequence: UInt64 = 1, inferences: UInt64 = 50,
        bins: [UInt64] = [50, 50]
    ) throws -> Report {
        let part = try #require(release.manifest.part(for: .main))
        return Report(
            boot: boot, sequence: sequence, slot: .main, release: try #require(release.record.digest),
            image: part.image.digest, version: part.version, start: Instant(milliseconds: Int64(sequence) * 1000),
            end: Instant(milliseconds: Int64(sequence) * 1000 + 999), inferences: inferences, errors: 0, uncertain: 0,
            features: [BinCounts(bins: bins)], predictions: [inferences / 2, inferences - inferences / 2],
            confidence: Moments(), margin: Moments(), latency: LatencyHistogram(), samplesOffered: 0, samplesChosen: 0,
            samplesDropped: 0, reportsDropped: 0)
    }

    static func sample(
        _ release: ReleaseDetail, boot: String = "b1", sequence: UInt64 = 1, values: [Float] = [0, 1, 2, 3],
        part: Int = 0, partCount: Int = 1, scores: [Float] = [0.7, 0.3]
    ) throws -> SampleMessage {
        SampleMessage(
            boot: boot, sequence: sequence, part: part, partCount: partCount, slot: .main,
            release: try #require(release.record.digest), version: try #require(release.manifest.parts.first).version,
            captured: Instant(milliseconds: 5), tag: "", probability: 0.5, scores: scores, values: values)
    }
}
