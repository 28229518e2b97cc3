import ArgumentParser
import Foundation
import ModelTools

extension ModelCommand {
    /// `martlet model bench`: how long the runtime takes for a model on this machine.
    struct Bench: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Measure an ONNX file in the runtime on this machine.",
            discussion: "The kernels are those of the fastest instruction set, or of MARTLET_ISA.")
        @Argument(help: "The ONNX file.") var file: String
        @Option(help: "Timed runs, 1 to 10000000.") var runs = 1000
        @Option(help: "Threads that large layers are shared among, 1 to 64.") var threads = 1
        @Option(name: .customLong("dim"), help: "The extent of an open dimension, NAME=NUMBER; may be repeated.")
        var dims: [String] = []
        @Flag(help: "Print one JSON object.") var json = false

        func run() throws {
            let extents = try Arguments.pairs(dims, option: "--dim").map { name, text in
                guard let extent = Int(text), extent > 0 else {
                    throw ValidationError("--dim \(name)=\(text): write a positive number, such as \(name)=1")
                }
                return (name, extent)
            }
            let benchmark = try ModelBenchmark(
                path: file, dims: Dictionary(uniqueKeysWithValues: extents), runs: runs, threads: threads)
            let result = try benchmark.measure()
            guard json else { return print(result) }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            print(String(decoding: try encoder.encode(result), as: UTF8.self))
        }
    }
}
