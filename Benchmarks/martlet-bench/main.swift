import Foundation
import ModelTools

// `martlet model bench` without the server side, which takes minutes to build: `martlet-bench FILE.onnx [RUNS [THREADS]]`
// prints the same JSON.

let arguments = CommandLine.arguments.dropFirst()
guard let path = arguments.first, let runs = Int(arguments.dropFirst().first ?? "1000"),
    let threads = Int(arguments.dropFirst(2).first ?? "1")
else {
    FileHandle.standardError.write(Data("usage: martlet-bench FILE.onnx [RUNS [THREADS]]\n".utf8))
    exit(64)
}
do {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    print(
        String(
            decoding: try encoder.encode(ModelBenchmark(path: path, runs: runs, threads: threads).measure()),
            as: UTF8.self))
} catch {
    FileHandle.standardError.write(Data("martlet-bench: \(error)\n".utf8))
    exit(1)
}
