import ArgumentParser
import ModelTools

extension ModelCommand {
    /// `martlet model inspect`: the plan of a model.
    struct Inspect: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what a model does on a device: steps, times, memory, and what cannot run.",
            discussion: """
                Compiles an ONNX file (or reads an image) and shows its plan: the steps with their times on this machine, \
                the arena with each tensor's place and lifetime, weights, and every node that cannot be compiled.
                """)
        @Argument(help: "An ONNX file or an image.") var file: String
        @OptionGroup var dimensions: DimensionOptions
        @Option(name: .customLong("svg"), help: "Draw the plan into this SVG file.") var drawing: String?
        @Flag(inversion: .prefixedNo, help: "Run the plan and measure its steps.") var times = true
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            try LocalModel.run {
                let inspection = try ModelInspection(path: file, dims: try dimensions.extents(), times: times)
                if json {
                    try LocalModel.printJSON(inspection)
                } else {
                    print(inspection)
                }
                guard let drawing else { return }
                guard let plan = inspection.plan else {
                    throw ModelToolsError(.compile, "there is no plan to draw: \(file) cannot be compiled")
                }
                try ToolFile.write(Array(PlanDrawing(plan).svg.utf8), to: drawing)
            }
        }
    }
}
