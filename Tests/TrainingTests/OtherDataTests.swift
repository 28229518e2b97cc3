import FleetModel
import Foundation
import Testing

@testable import Training

/// The same trainer on tables and images: what `config/shuttle.yaml` and `config/digits.yaml` describe.
@Suite("the trainer on other data", .enabled(if: isOptimised))
struct OtherDataTests {
    /// Rows of a compressed CSV file; gzip is everywhere that tests run.
    private func rows(_ name: String) throws -> [[Float]] {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["gzip", "-dc", WatchData.folder.appending(path: name).path()]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text.split(whereSeparator: \.isNewline).compactMap { line in
            let fields = line.split(separator: ",").compactMap { Float($0) }
            return fields.isEmpty ? nil : fields
        }
    }

    private func set(
        _ rows: [[Float]], input: FrameDescription, classes: Int, groups: Int
    ) throws -> TrainingSet {
        var set = TrainingSet(input: input, classes: (0..<classes).map(String.init))
        for (index, row) in rows.enumerated() {
            guard let label = row.last, row.count == input.valueCount + 1 else { continue }
            let split: Split = index % 10 == 3 ? .validation : index % 10 == 7 ? .heldBack : .training
            try set.append(
                TrainingFrame(classIndex: Int(label), group: "d\(index % groups)", split: split),
                values: Array(row.dropLast()))
        }
        return set
    }

    private func train(_ set: TrainingSet, _ change: (inout TrainerParameters) -> Void) async throws -> TrainingMetrics
    {
        var parameters = TrainerParameters()
        parameters.folds = 2
        change(&parameters)
        let metrics = try await BuiltInTrainer(
            set: set, normalisation: Normalisation(fitting: set), parameters: parameters, seed: 1
        ).train(workers: 2).metrics
        let baseline = try BaselineBuilder(set, seed: 1).baseline(metrics: metrics)
        #expect(baseline.features.count == set.input.channels.count)
        #expect(baseline.features.allSatisfy { $0.driftThreshold >= 0.05 && $0.driftThreshold.isFinite })
        return metrics
    }

    @Test("handwritten digits, as images")
    func digits() async throws {
        let input = FrameDescription(
            kind: .image, steps: 8, width: 8, channels: [Channel(name: "pixel", unit: "0-16")])
        let set = try set(rows("digits.csv.gz"), input: input, classes: 10, groups: 4)
        #expect(set.frames.count == 1797)
        let metrics = try await train(set) { _ in }
        print("digits: held back \(metrics.accuracy["heldBack"] ?? 0), new groups \(metrics.promise)")
        #expect((metrics.accuracy["heldBack"] ?? 0) > 0.93)
        #expect(metrics.promise > 0.9)
    }

    @Test("the shuttle's sensors, as a table")
    func shuttle() async throws {
        let channels = (1...9).map { Channel(name: "f\($0)", unit: "") }
        let input = FrameDescription(kind: .table, steps: 1, width: 9, channels: channels)
        let set = try set(
            Array(rows("shuttle.csv.gz").prefix(12_000)), input: input, classes: 2, groups: 4)
        let metrics = try await train(set) { $0.architecture = .perceptron }
        print("shuttle: held back \(metrics.accuracy["heldBack"] ?? 0), new groups \(metrics.promise)")
        #expect((metrics.accuracy["heldBack"] ?? 0) > 0.98)
    }
}
