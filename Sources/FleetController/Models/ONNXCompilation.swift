import ModelCompiler
import ONNXFormat

/// Compiles ONNX bytes with the compiler of this process.
enum ONNXCompilation {
    /// Version of the compiler that is written down with every image.
    static let compilerName = "martlet 1.0.0"

    /// Devices infer one frame at a time: the compiler takes an open first dimension for a batch of one.
    static func compile(_ onnx: [UInt8]) throws -> CompiledImage {
        let compiled = try ModelCompiler.compile(ONNXModel(parsing: onnx))
        return CompiledImage(
            bytes: compiled.imageBytes, arenaBytes: compiled.report.arenaBytes, compiler: compilerName)
    }
}
