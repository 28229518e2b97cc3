import ArgumentParser
import ModelTools

extension ModelCommand {
    /// `martlet model bench`: how long the runtime takes for a model on this machine.
    struct Bench: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Measure an ONNX file or an image in the runtime on this machine.",
            discussion: "The kernels are those of the fastest instruction set, or of MARTLET_ISA.")
        @Argument(help: "The ONNX file, or an image.") var file: String
        @Option(help: "Timed runs, 1 to 10000000.") var runs = 1000
        @Option(help: "Threads that large layers are shared among, 1 to 64.") var threads = 1
        @OptionGroup var dimensions: DimensionOptions
        @Flag(help: "Print one JSON object.") var json = false

        func run() throws {
            try LocalModel.run {
                let benchmark = try ModelBenchmark(
                    path: file, dims: try dimensions.extents(), runs: runs, threads: threads)
                let result = try benchmark.measure()
                if json { try LocalModel.printJSONLine(result) } else { print(result) }
            }
        }
    }
}
