import EdgeRuntime
import FleetModel
import Foundation
import ModelCompiler
import ModelImage
import ONNXFormat
import Sketches
import Testing

@testable import Training

@Suite("models that the trainer writes")
struct WrittenModelTests {
    /// Where the peer test wants models with inputs and expected outputs; unset otherwise.
    private static let exportFolder = ProcessInfo.processInfo.environment["MARTLET_TRAINING_SAMPLES"]

    @Test("the compiled image gives what the trainer's own network gives", arguments: NetworkCase.all)
    func image(_ shape: NetworkCase) throws {
        let classes = (0..<3).map { "k\($0)" }
        var set = TrainingSet(input: shape.frame, classes: classes)
        var generator = SeededGenerator(seed: 21)
        var frames: [[Float]] = []
        for index in 0..<5 {
            frames.append((0..<shape.frame.valueCount).map { _ in 4 * generator.uniform() - 2 })
            try set.append(TrainingFrame(classIndex: index % 3, group: "g"), values: frames[index])
        }
        let plan = try shape.plan()
        let onnx = plan.model(
            weights: plan.initialParameters(seed: 13), steps: shape.frame.steps, width: shape.frame.width)
        let identity = Normalisation(
            offset: shape.frame.channels.map { _ in 0 }, scale: shape.frame.channels.map { _ in 1 })
        let scorer = try #require(Scorer(onnx, set, shape.parameters, identity))
        let expected = scorer.probabilities(frames)
        let compiled = try ModelCompiler.compile(
            ONNXModel(parsing: onnx.serialized()), options: CompileOptions(dims: ["N": 1]))
        let image = ImageMemory(copying: compiled.imageBytes)
        var model = try Model(bytes: image.bytes)
        for (frame, row) in zip(frames, expected) {
            let found = try model.predict(frame)
            #expect(zip(found, row).allSatisfy { abs($0 - $1) < 1e-5 }, "\(found) \(row)")
        }
        try export(shape, onnx, frames, expected)
    }

    private func export(
        _ shape: NetworkCase, _ onnx: ONNXModel, _ frames: [[Float]], _ expected: [[Float]]
    ) throws {
        guard let path = Self.exportFolder else { return }
        let folder = URL(filePath: path)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let name = shape.name.replacing(" ", with: "_").replacing(",", with: "")
        try Data(onnx.serialized()).write(to: folder.appending(path: "\(name).onnx"))
        let document: [String: [[Float]]] = [
            "shape": [[Float(shape.frame.steps), Float(shape.frame.width)]], "frames": frames, "expected": expected,
        ]
        try JSONEncoder().encode(document).write(to: folder.appending(path: "\(name).json"))
    }
}
