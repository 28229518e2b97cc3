import Foundation
import ModelTools
import Testing

/// Runs the folder of cases that MARTLET_ONNX_SUITE names and writes a line for each to MARTLET_ONNX_RESULTS: the way
/// of `scripts/onnx-suite` when there is no `martlet`.
@Suite("The ONNX backend suite", .enabled(if: ProcessInfo.processInfo.environment["MARTLET_ONNX_SUITE"] != nil))
struct SuiteTests {
    @Test("every case has a verdict")
    func verdicts() throws {
        let environment = ProcessInfo.processInfo.environment
        let folder = URL(filePath: environment["MARTLET_ONNX_SUITE"] ?? "")
        let filter = environment["MARTLET_ONNX_FILTER"] ?? ""
        let results = URL(filePath: environment["MARTLET_ONNX_RESULTS"] ?? "/dev/stdout")
        _ = FileManager.default.createFile(atPath: results.path, contents: nil)
        let handle = try FileHandle(forWritingTo: results)
        for entry in try CaseFolder.cases(in: folder) where filter.isEmpty || entry.name.contains(filter) {
            try handle.write(contentsOf: Data((CaseCheck.check(entry).json() + "\n").utf8))
        }
    }
}
