import FleetCrypto
import FleetModel
import FleetStore
import Foundation
import GRDB
import Logging
import Testing

@testable import FleetController

/// A controller with a small dataset, and the real compiler and trainer.
final class LearningFleet {
    static let operatorIdentity = Identity(name: "olga", role: .operator)
    static let model = ModelName(unchecked: "m")
    static let classes = ["low", "high"]
    static let input = FrameDescription(
        kind: .table, steps: 1, width: 3, channels: ["a", "b", "c"].map { Channel(name: $0, unit: "") })
    /// A small network that trains in a moment even in a debug build.
    static let parameters = """
        {"architecture":"perceptron","hidden":[6],"epochs":12,"dropout":0,"averaging":0.8,"learningRate":0.03,"folds":2}
        """

    /// Certificates that nobody asks for here.
    private struct NoIdentities: DevicePKI {
        func issue(_ device: DeviceID) throws -> IssuedIdentity {
            IssuedIdentity(files: [:], signingKey: [UInt8](repeating: 0, count: 32), certificateSerial: "1")
        }
        func revoke(_ device: DeviceID, serial: String?) throws {}
    }

    let folder: URL
    let controller: FleetController

    init(
        trainers: [String: [String]] = [:], _ change: (inout ControllerConfiguration) -> Void = { _ in }
    ) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "learning-\(UUID().uuidString)")
        var configuration = ControllerConfiguration(dataFolder: folder)
        configuration.trainers = trainers
        change(&configuration)
        controller = try FleetController(
            configuration: configuration, pki: NoIdentities(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Values and their class: high where a + b > 0, the other way round where `flipped`.
    static func frame(_ index: Int, flipped: Bool = false) -> (values: [Float], className: String) {
        let values = (0..<3).map { Float((index * 7919 + $0 * 104_729) % 401) / 100 - 2 }
        return (values, (values[0] + values[1] > 0) != flipped ? "high" : "low")
    }

    /// Imports 240 frames of four devices and cuts version 1.
    func importFrames() async throws {
        let datasets = controller.datasets
        _ = try await datasets.create("d", input: Self.input, classes: Self.classes, by: Self.operatorIdentity)
        let frames = (0..<240).map { index in
            let frame = Self.frame(index)
            return ImportedFrame(
                device: DeviceID(unchecked: "r\(index % 4)"), tags: ["side": "R"], className: frame.className,
                values: frame.values)
        }
        _ = try await datasets.import("d", frames: frames, by: Self.operatorIdentity)
        _ = try await datasets.cut("d", includeAnnotations: true, by: Self.operatorIdentity)
    }

    func request(trainer: String = TrainingService.builtIn, version: Int = 1) -> TrainingRequest {
        TrainingRequest(
            model: Self.model, dataset: "d", datasetVersion: version, trainer: trainer,
            parameters: trainer == TrainingService.builtIn ? Self.parameters : "{}")
    }

    /// Works the queue off until this run is over.
    func finish(_ id: Int64?) async throws -> TrainingRunRecord {
        let training = controller.training
        let working = Task { await training.run() }
        defer { working.cancel() }
        let id = try #require(id)
        for _ in 0..<600 {
            let run = try await training.get(id)
            if run.state.isFinal { return run }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw ControllerError(.unavailable, "the training run does not end")
    }

    /// Trains version 1 and puts it into a release of this stage.
    func firstRelease(stage: ReleaseStage = .released) async throws -> VersionID {
        try await importFrames()
        let run = try await finish(controller.training.start(request(), by: Self.operatorIdentity).id)
        let version = VersionID(model: Self.model, number: try #require(run.number, "\(run.failure ?? "")"))
        let release = try await controller.releases.create(
            ReleaseRequest(versions: [.main: version]), by: Self.operatorIdentity)
        try await setStage(release.record.name, stage)
        return version
    }

    func setStage(_ name: ReleaseName, _ stage: ReleaseStage) async throws {
        try await controller.store.database.write { database in
            try database.execute(
                sql: "UPDATE release SET stage = ?, digest = coalesce(digest, ?) WHERE name = ?",
                arguments: [stage, SHA256.hash(Array(name.text.utf8)), name])
            guard stage == .approved else { return }
            var engine = RolloutEngine(database: database, now: .now(), devicePolicy: DevicePolicy())
            try engine.releaseApproved(name)
        }
    }

    /// Stores annotated samples of left devices, where the classes are the other way round: every prediction of
    /// version 1 is wrong there.
    func insertSamples(_ count: Int, of version: VersionID, from start: Int = 1000) async throws {
        try await provisionLeft()
        try await controller.store.database.write { database in
            for index in start..<start + count {
                let frame = Self.frame(index, flipped: true)
                let values = FloatVector(frame.values)
                let now = Instant.now()
                var sample = SampleRecord(
                    device: DeviceID(unchecked: "l\(index % 3)"), boot: "b", sequence: Int64(index), slot: .main,
                    release: SHA256.hash(Array("m-1".utf8)), model: version.model, number: version.number,
                    capturedAt: now, receivedAt: now, tag: "", probability: 0.25, kind: .table,
                    frame: StoredFrame(values.values),
                    frameDigest: SHA256.hash([UInt8](values.data)), scores: [0.5, 0.5],
                    predictedClass: frame.className == "high" ? "low" : "high", confidence: 0.5, margin: 0,
                    tags: ["side": "L"], verdict: .class, verdictClass: frame.className, annotatedAt: now)
                try sample.insert(database)
                var annotation = AnnotationRecord(
                    sample: try #require(sample.id), verdict: .class, className: frame.className, identity: "anna",
                    createdAt: now)
                try annotation.insert(database)
            }
        }
    }

    /// Stores annotated samples of the device r0 that version 1 got right.
    func insertRightSamples(_ count: Int, of version: VersionID) async throws {
        let id = DeviceID(unchecked: "r0")
        _ = try await controller.devices.provision(
            DeviceRequest(id: id, tags: ["side": "R"], hardware: "any"), by: Self.operatorIdentity)
        try await controller.store.database.write { database in
            for index in 0..<count {
                let values = FloatVector([Float(index), 5, 5])
                let now = Instant.now()
                var sample = SampleRecord(
                    device: id, boot: "b", sequence: Int64(index), slot: .main,
                    release: SHA256.hash(Array("m-1".utf8)), model: version.model, number: version.number,
                    capturedAt: now, receivedAt: now, tag: "", probability: 0.25, kind: .table,
                    frame: StoredFrame(values.values),
                    frameDigest: SHA256.hash([UInt8](values.data)), scores: [0.1, 0.9], predictedClass: "high",
                    confidence: 0.9, margin: 0.8, tags: ["side": "R"], verdict: .class, verdictClass: "high",
                    annotatedAt: now)
                try sample.insert(database)
            }
        }
    }

    /// Stores what a device reported; only its counts mean anything.
    func insertReport(_ device: String, inferences: Int64, of version: VersionID) async throws {
        try await controller.store.database.write { database in
            let digest = SHA256.hash(Array("m-1".utf8))
            try ReportRecord(
                device: DeviceID(unchecked: device), boot: "b", sequence: 1, slot: .main, release: digest,
                image: digest, model: version.model, number: version.number, startedAt: .epoch, endedAt: .now(),
                inferences: inferences, errors: 0, uncertain: 0, confidenceMean: 0, samplesOffered: 0,
                samplesChosen: 0, samplesDropped: 0, reportsDropped: 0, payload: Data(), receivedAt: .now()
            ).insert(database)
        }
    }

    /// Makes the devices l0, l1 and l2, once.
    func provisionLeft() async throws {
        for index in 0..<3 {
            let id = DeviceID(unchecked: "l\(index)")
            guard try await controller.store.database.read({ try !DeviceRecord.exists($0, key: id) }) else { continue }
            _ = try await controller.devices.provision(
                DeviceRequest(id: id, tags: ["side": "L"], hardware: "any"), by: Self.operatorIdentity)
        }
    }

    func alerts(_ kind: AlertKind) async throws -> [AlertRecord] {
        try await controller.store.database.read { database in
            try AlertRecord.filter(Column("kind") == kind && Column("closedAt") == nil).fetchAll(database)
        }
    }
}
