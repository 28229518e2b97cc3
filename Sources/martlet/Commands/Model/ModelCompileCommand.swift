import ArgumentParser
import ModelCompiler
import ModelTools

extension ModelCommand {
    /// `martlet model compile`: an image for devices, C programs and the Swift API.
    struct Compile: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compile an ONNX file to an image.",
            discussion: "Prints the plan, and the working memory that a device needs. Equal files give equal images.")
        @Argument(help: "The ONNX file.") var file: String
        @Option(help: "Where to write the image.") var output: String
        @OptionGroup var dimensions: DimensionOptions
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            try LocalModel.run {
                let onnx = try ModelFile.onnx(try ToolFile.read(file), file: file)
                let compiled = try ModelFile.compile(onnx, dims: try dimensions.extents(), path: file)
                try ToolFile.write(compiled.imageBytes, to: output)
                if json {
                    let loaded = try LoadedModel(image: compiled.imageBytes, report: compiled.report)
                    try LocalModel.printJSON(ModelPlan(loaded))
                } else {
                    print(compiled.report)
                }
            }
        }
    }
}
