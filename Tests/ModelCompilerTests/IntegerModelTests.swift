import EdgeRuntime
import Foundation
import ModelCompiler
import ModelImage
import ONNXFormat
import Testing

/// A statically quantized model against ONNX Runtime's results.
@Suite("Models of bytes")
struct IntegerModelTests {
    @Test(
        "a quantized DS-CNN gives ONNX Runtime's bytes on every instruction set",
        arguments: InstructionSet.allCases.filter(\.isAvailable))
    func keywordSpotting(instructionSet: InstructionSet) throws {
        let folder = fixtures.appending(path: "models")
        let onnx = try ONNXModel(parsing: [UInt8](Data(contentsOf: folder.appending(path: "kws_int8.onnx"))))
        let rows = try [UInt8](Data(contentsOf: folder.appending(path: "kws_int8.rows")))
        let compiled = try ModelCompiler.compile(onnx)
        #expect(compiled.report.steps.count { $0.operation == "integerConvolution" } == 5)
        #expect(compiled.report.steps.count { $0.operation == "integerDepthwise" } == 4)
        let image = ImageMemory(copying: compiled.imageBytes)
        var model = try Model(bytes: image.bytes, instructionSet: instructionSet)
        #expect(rows.count % 502 == 0)
        for start in stride(from: 0, to: rows.count, by: 502) {
            model.withInput(0) { $0.copyBytes(from: rows[start..<start + 490]) }
            model.run()
            let found = model.withOutput(0) { $0.map { Int(Int8(bitPattern: $0)) } }
            let expected = rows[start + 490..<start + 502].map { Int(Int8(bitPattern: $0)) }
            #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 1 }, "row at \(start): \(found), not \(expected)")
            #expect(found.firstIndex(of: found.max() ?? 0) == expected.firstIndex(of: expected.max() ?? 0))
        }
    }
}
