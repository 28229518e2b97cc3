import CAllocationCounter
import EdgeRuntime
import Foundation
import ModelCompiler
import ModelImage
import ONNXFormat
import Sketches

/// Measures how long the runtime takes for a model: `martlet model bench`.
///
/// ```swift
/// let result = try ModelBenchmark(path: "kws.onnx", runs: 1000).measure()
/// print(result)
/// ```
/// The model is compiled and its image written to a temporary file, which is opened as a device opens it. Inputs are
/// numbers of a fixed seed; integer inputs that may be indices are 0.
public struct ModelBenchmark {
    /// How many runs may be asked for.
    public static let runs = 1...10_000_000

    /// How often the image is opened; the median counts.
    private static let loads = 21

    private let path: String
    private let dims: [String: Int]
    private let runCount: Int
    private let threads: Int

    /// Describes a measurement.
    ///
    /// - Parameters:
    ///   - path: An ONNX file or an image.
    ///   - dims: Extents of open dimensions: ``ModelCompiler/CompileOptions/dims``.
    ///   - runs: Timed runs, of ``runs``.
    ///   - threads: Threads for large layers.
    /// - Throws: ``ModelToolsError`` of code `option`.
    public init(path: String, dims: [String: Int] = [:], runs: Int, threads: Int = 1) throws(ModelToolsError) {
        guard Self.runs.contains(runs) else {
            throw ModelToolsError(.option, "\(runs) runs: ask for 1 to \(Self.runs.upperBound)")
        }
        self.path = path
        self.dims = dims
        runCount = runs
        self.threads = threads
    }

    /// Compiles, loads and runs the model.
    ///
    /// - Throws: ``ModelToolsError`` for the file, or what loading its image throws.
    public func measure() throws -> BenchmarkResult {
        let bytes = try imageBytes()
        let image = FileManager.default.temporaryDirectory.appending(path: "martlet-bench-\(UUID().uuidString)")
        try Data(bytes).write(to: image)
        defer { try? FileManager.default.removeItem(at: image) }

        var loads: [Double] = []
        for _ in 0..<Self.loads { loads.append(try timeOfLoad(image.path)) }
        var model = try Model(mapping: image.path, threads: threads)
        Self.fillInputs(&model)
        var times = [Double](repeating: 0, count: runCount)
        let allocations = Self.time(&model, &times)
        times.sort()
        return BenchmarkResult(
            p10: Self.percentile(10, of: times), p50: Self.percentile(50, of: times),
            p99: Self.percentile(99, of: times), load: Self.percentile(50, of: loads.sorted()),
            arenaBytes: model.arenaBytes, imageBytes: model.imageBytes,
            allocationsPerRun: Double(allocations) / Double(runCount), instructionSet: model.instructionSet.name)
    }

    private func imageBytes() throws(ModelToolsError) -> [UInt8] {
        let bytes = try ToolFile.read(path)
        guard ModelFile.isImage(bytes) else {
            return try ModelFile.compile(ModelFile.onnx(bytes, file: path), dims: dims, path: path).imageBytes
        }
        try ModelFile.checkFixed(dims, path: path)
        return bytes
    }

    /// Microseconds from opening the file to the first result.
    private func timeOfLoad(_ path: String) throws -> Double {
        let start = ContinuousClock.now
        var model = try Model(mapping: path, threads: threads)
        model.run()
        return Self.microseconds(start.duration(to: .now))
    }

    /// Times each run; returns the heap allocations of all of them.
    private static func time(_ model: inout Model, _ times: inout [Double]) -> Int {
        // What the caches hold after a tenth of a second is what they hold in operation.
        let warmUp = ContinuousClock.now
        repeat { model.run() } while warmUp.duration(to: .now) < .milliseconds(100)
        var allocations = 0
        for index in times.indices {
            let before = allocation_count()
            let start = ContinuousClock.now
            model.run()
            let end = ContinuousClock.now
            allocations += allocation_count() - before
            times[index] = microseconds(start.duration(to: end))
        }
        return allocations
    }

    /// Writes floats between −1 and 1, bytes of every value, and zeros of wider integers, from a fixed seed.
    private static func fillInputs(_ model: inout Model) {
        var random = SeededGenerator(seed: 1)
        for (port, input) in model.inputs.enumerated() {
            model.withInput(port) { bytes in
                switch input.elementType {
                case .float32:
                    let values = bytes.assumingMemoryBound(to: Float.self)
                    for index in values.indices { values[index] = Float.random(in: -1...1, using: &random) }
                case .uint8, .int8:
                    for index in bytes.indices { bytes[index] = UInt8.random(in: 0...255, using: &random) }
                default:
                    for index in bytes.indices { bytes[index] = 0 }
                }
            }
        }
    }

    private static func microseconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) * 1e6 + Double(duration.components.attoseconds) / 1e12
    }

    /// The nearest-rank percentile of times in ascending order.
    static func percentile(_ percent: Int, of sorted: [Double]) -> Double {
        sorted[max(0, (sorted.count * percent + 99) / 100 - 1)]
    }
}
