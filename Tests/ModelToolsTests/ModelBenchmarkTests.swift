import Foundation
import Testing

@testable import ModelTools

@Suite("Benchmarks")
struct ModelBenchmarkTests {
    private static func fixture(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/models/\(name)").path
    }

    @Test("a trained model is measured: times in order, sizes of its image, no allocation per run")
    func measures() throws {
        let result = try ModelBenchmark(path: Self.fixture("kws_fp32.onnx"), runs: 20).measure()
        #expect(result.p10 > 0 && result.p10 <= result.p50 && result.p50 <= result.p99)
        #expect(result.load > 0)
        #expect(result.imageBytes > 22_604 * 4 && result.arenaBytes > 0)
        #expect(result.allocationsPerRun == 0)
    }

    @Test("JSON has the documented keys")
    func keys() throws {
        let result = try ModelBenchmark(path: Self.fixture("ad_fp32.onnx"), runs: 1).measure()
        let object = try JSONSerialization.jsonObject(with: JSONEncoder().encode(result)) as? [String: Any]
        let keys: Set = [
            "p10_us", "p50_us", "p99_us", "load_us", "arena_bytes", "image_bytes", "allocations_per_run", "isa",
        ]
        #expect(Set(try #require(object).keys) == keys)
    }

    @Test("percentiles are those of the nearest rank")
    func percentiles() {
        let values = (1...10).map(Double.init)
        #expect(ModelBenchmark.percentile(10, of: values) == 1)
        #expect(ModelBenchmark.percentile(50, of: values) == 5)
        #expect(ModelBenchmark.percentile(99, of: values) == 10)
        #expect(ModelBenchmark.percentile(10, of: [7]) == 7)
    }

    @Test("a number of runs outside the limits is refused", arguments: [0, -1, 10_000_001])
    func runs(count: Int) {
        #expect(throws: ModelToolsError.self) { try ModelBenchmark(path: "x.onnx", runs: count) }
    }

    @Test("a missing file is named")
    func missing() throws {
        let benchmark = try ModelBenchmark(path: "/nowhere/x.onnx", runs: 1)
        #expect(throws: ModelToolsError(.file, "/nowhere/x.onnx: there is no such file")) { try benchmark.measure() }
    }
}
