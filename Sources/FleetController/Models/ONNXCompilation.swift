import ModelCompiler
import ONNXFormat

/// Compiles ONNX bytes with the compiler of this process.
enum ONNXCompilation {
    /// Version of the compiler that is written down with every image.
    static let compilerName = "martlet 1.0.0"
    /// Names of the batch dimension that exporters use; devices infer one frame at a time.
    private static let batchOfOne = ["N": 1, "batch": 1, "batch_size": 1, "None": 1, "unk__0": 1]

    static func compile(_ onnx: [UInt8]) throws -> CompiledImage {
        let compiled = try ModelCompiler.compile(
            ONNXModel(parsing: onnx), options: CompileOptions(dims: batchOfOne))
        return CompiledImage(
            bytes: compiled.imageBytes, arenaBytes: compiled.report.arenaBytes, compiler: compilerName)
    }
}
