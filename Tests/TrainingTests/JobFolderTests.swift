import FleetModel
import Foundation
import ONNXFormat
import Sketches
import Testing

@testable import Training

@Suite("the trainer contract")
struct JobFolderTests {
    /// A folder that is gone after `body`.
    static func withFolder<Value>(_ body: (JobFolder) async throws -> Value) async throws -> Value {
        let url = FileManager.default.temporaryDirectory.appending(path: "job-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: url) }
        return try await body(JobFolder(url))
    }

    /// Two classes that a line parts, from three devices.
    static func set(frames: Int = 240) throws -> TrainingSet {
        let input = FrameDescription(
            kind: .table, steps: 1, width: 3, channels: ["a", "b", "c"].map { Channel(name: $0, unit: "") })
        var set = TrainingSet(input: input, classes: ["low", "high"])
        var generator = SeededGenerator(seed: 4)
        for index in 0..<frames {
            let values = (0..<3).map { _ in 4 * generator.uniform() - 2 }
            let split: Split = index % 10 == 0 ? .validation : index % 10 == 1 ? .heldBack : .training
            try set.append(
                TrainingFrame(
                    classIndex: values[0] + values[1] > 0 ? 1 : 0, group: "d\(index % 3)",
                    weight: 1 + Float(index % 2), split: split), values: values)
        }
        return set
    }

    static func parameters() -> TrainerParameters {
        var parameters = TrainerParameters()
        parameters.architecture = .perceptron
        parameters.hidden = [8]
        parameters.dropout = 0
        parameters.epochs = 25
        parameters.folds = 3
        parameters.averaging = 0.9
        parameters.learningRate = 0.02
        return parameters
    }

    static func write(_ set: TrainingSet, to folder: JobFolder, seed: UInt64 = 9) throws {
        let manifest = JobManifest(
            model: "m", input: set.input, classes: set.classes, normalisation: Normalisation(fitting: set), seed: seed)
        try folder.write(
            model: "m", set: set, manifest: manifest, configuration: JobFolder.encode(parameters()), champion: nil)
    }

    @Test("a job that was written is read as it was")
    func roundTrip() async throws {
        try await Self.withFolder { folder in
            let set = try Self.set()
            try Self.write(set, to: folder)
            let manifest = try folder.readManifest()
            let read = try folder.readSet(manifest)
            #expect(read.frames == set.frames)
            #expect(read.values == set.values)
            #expect(read.input == set.input)
            #expect(try folder.readParameters() == Self.parameters())
        }
    }

    @Test("the built-in trainer learns, leaves groups out, and says the same for the same seed")
    func training() async throws {
        try await Self.withFolder { folder in
            try Self.write(try Self.set(), to: folder)
            let lines = Lines()
            let metrics = try await BuiltInTrainer.run(folder, workers: 2) { lines.append($0) }
            let first = try folder.readResults()
            #expect(first.metrics == metrics)
            #expect(metrics.folds.flatMap(\.groups).map(\.name) == ["d0", "d1", "d2"])
            #expect((metrics.accuracy["heldBack"] ?? 0) > 0.85)
            #expect(metrics.promise > 0.85)
            #expect(metrics.predictions.reduce(0, +) == 240)
            #expect(lines.all.first?.event == .started)
            #expect(lines.all.last?.event == .finished)
            _ = try await BuiltInTrainer.run(folder, workers: 1) { _ in }
            #expect(try folder.readResults().model == first.model)
        }
    }

    @Test("training from a champion starts at its weights")
    func warmStart() async throws {
        let set = try Self.set()
        var parameters = Self.parameters()
        parameters.folds = 0
        let first = try await BuiltInTrainer(
            set: set, normalisation: Normalisation(fitting: set), parameters: parameters, seed: 1
        ).train()
        parameters.epochs = 1
        parameters.learningRate = 1e-6
        let second = try await BuiltInTrainer(
            set: set, normalisation: Normalisation(fitting: set), parameters: parameters, seed: 2,
            champion: first.model
        ).train()
        #expect(second.metrics.warmStart == true)
        let loss = try #require(second.metrics.validationLoss)
        #expect(abs(loss - (first.metrics.validationLoss ?? 0)) < 1e-3)
    }

    @Test(
        "a wrong parameter is named with its range",
        arguments: [
            ("{\"epochs\": 0}", "epochs"), ("{\"learningRate\": 2}", "learningRate"), ("{\"hiden\": [3]}", "hiden"),
            ("{\"pooling\": \"min\"}", "pooling"), ("{\"hidden\": []}", "hidden"), ("{\"kernel\": \"x\"}", "kernel"),
        ])
    func parameters(_ document: String, _ name: String) {
        let error = #expect(throws: TrainingError.self) { try JobFolder.parameters(Array(document.utf8)) }
        #expect(error?.message.contains(name) == true)
    }

    @Test("a shard that is cut or changed is refused", arguments: [100, 600, 5000])
    func brokenShard(_ place: Int) async throws {
        try await Self.withFolder { folder in
            try Self.write(try Self.set(), to: folder)
            let manifest = try folder.readManifest()
            let file = folder.url.appending(path: manifest.shards[0].file)
            let whole = try Data(contentsOf: file)
            try whole.prefix(place).write(to: file)
            #expect(throws: TrainingError.self) { try folder.readSet(manifest) }
            var flipped = [UInt8](whole)
            flipped[3] ^= 1
            try Data(flipped).write(to: file)
            #expect(throws: TrainingError.self) { try folder.readSet(manifest) }
        }
    }

    @Test("a path that leads out of the job folder is refused")
    func escapingPath() throws {
        let set = try Self.set(frames: 3)
        var manifest = JobManifest(
            model: "m", input: set.input, classes: set.classes, normalisation: Normalisation(fitting: set), seed: 1)
        manifest.champion = "../../etc/passwd"
        #expect(throws: TrainingError.self) { try manifest.input() }
    }

    @Test("other programs' tar archives are read: names with a prefix, folders passed over")
    func tar() throws {
        let members = [TarMember(name: "a/b.cls", bytes: [1, 2, 3]), TarMember(name: "c", bytes: [])]
        #expect(try TarArchive.members(of: TarArchive.bytes(of: members)) == members)
        #expect(throws: TrainingError.self) {
            try TarArchive.bytes(of: [TarMember(name: String(repeating: "x", count: 101), bytes: [])])
        }
    }

    /// Lines of progress from any thread.
    final class Lines: @unchecked Sendable {
        // Guarded by the lock.
        private var lines: [TrainingProgress] = []
        private let lock = NSLock()

        func append(_ line: TrainingProgress) { lock.withLock { lines.append(line) } }
        var all: [TrainingProgress] { lock.withLock { lines } }
    }
}
