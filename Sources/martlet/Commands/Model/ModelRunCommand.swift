import ArgumentParser
import EdgeRuntime
import FleetClient
import Foundation
import ModelTools

extension ModelCommand {
    /// `martlet model run`: a model over NumPy files, on this machine.
    struct Run: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run an ONNX file or an image over NumPy files, on this machine.",
            discussion: """
                Writes one NAME.npy for each output; characters that are no letter, digit, '.', '_' or '-' become '_'. \
                Open dimensions take the extents of the arrays unless --dim says otherwise.

                --batch scores a file of rows: one row after another goes through the model, whatever their number, and \
                outputs get a row for each. Other inputs then come from --input, the same for every row.

                  martlet model run kws.onnx --input input=frame.npy --output-dir out
                  martlet model run kws.onnx --batch frames.npy --dim N=16 --output-dir out
                """)
        @Argument(help: "An ONNX file, or an image that `martlet model compile` wrote.") var file: String
        @Option(name: .customLong("input"), help: "NAME=FILE.npy for each input; just FILE.npy for the only one.")
        var inputs: [String] = []
        @Option(help: "FILE.npy (or NAME=FILE.npy) whose rows are scored one after another.") var batch: String?
        @Option(help: "The folder for the outputs; made if it is missing.") var outputDir: String
        @OptionGroup var dimensions: DimensionOptions
        @Option(help: "Threads that large layers are shared among, 1 to 64.") var threads = 1
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            try LocalModel.run {
                let names = try LocalModel.inputNames(of: file)
                let files = try inputs.map { try LocalModel.assignment($0, option: "--input", names: names) }
                let arrays = try LocalModel.arrays(files)
                var loaded = try LoadedModel(
                    path: file, dims: try dimensions.extents(), inputs: arrays, threads: threads)
                if let batch {
                    try score(batch, names, arrays, &loaded)
                } else {
                    try runOnce(arrays, &loaded)
                }
            }
        }

        private func runOnce(_ arrays: [String: NPYArray], _ loaded: inout LoadedModel) throws {
            let outputs = try ModelRun.run(&loaded, inputs: arrays)
            try ToolFile.makeFolder(outputDir)
            let files = OutputFileName.names(for: outputs.map(\.name))
            for (output, name) in zip(outputs, files) {
                try ToolFile.write(output.array.encoded, to: "\(outputDir)/\(name)")
            }
            let rows = zip(outputs, files).map { output, name in
                (output.name, "\(outputDir)/\(name)", output.array.type.name, output.array.shape)
            }
            try show(rows, rowCount: nil, loaded)
        }

        private func score(
            _ batch: String, _ names: [String], _ arrays: [String: NPYArray], _ loaded: inout LoadedModel
        ) throws {
            let open = names.filter { arrays[$0] == nil }
            let (input, path) = try LocalModel.assignment(batch, option: "--batch", names: open)
            let summary = try BatchRun(path: path, input: input, fixed: arrays, model: loaded)
                .run(&loaded, folder: outputDir)
            let rows = zip(summary.files, loaded.model.outputs).map { file, port in
                (file.output, file.path, "\(port.elementType)", [summary.rows] + port.shape.dropFirst())
            }
            try show(rows, rowCount: summary.rows, loaded)
        }

        private func show(
            _ outputs: [(name: String, path: String, type: String, shape: [Int])], rowCount: Int?,
            _ loaded: borrowing LoadedModel
        ) throws {
            guard json else {
                for output in outputs { print("\(output.name): \(output.type) \(output.shape) in \(output.path)") }
                if let rowCount { print("\(rowCount) rows scored") }
                return
            }
            var document: [String: JSONValue] = [
                "arena_bytes": .number(Double(loaded.model.arenaBytes)),
                "isa": .string(loaded.model.instructionSet.name),
                "outputs": .array(
                    outputs.map { output in
                        [
                            "name": .string(output.name), "file": .string(output.path), "type": .string(output.type),
                            "shape": .array(output.shape.map { .number(Double($0)) }),
                        ]
                    }),
            ]
            if let rowCount { document["rows"] = .number(Double(rowCount)) }
            print(try JSONValue.object(document).text(pretty: true))
        }
    }
}

/// `--dim`.
struct DimensionOptions: ParsableArguments {
    @Option(
        name: .customLong("dim"),
        help: "The extent of an open dimension: its symbol, or INPUT.AXIS, such as N=1; may be repeated.")
    var dimensions: [String] = []

    /// Extents by name.
    func extents() throws -> [String: Int] {
        try Arguments.pairs(dimensions, option: "--dim").mapValues { text in
            guard let extent = Int(text), extent > 0 else {
                throw ValidationError("--dim: '\(text)' is no extent; write a whole number above 0, such as N=1")
            }
            return extent
        }
    }
}

/// What the commands that run models on this machine share.
enum LocalModel {
    /// Runs `body` and turns what goes wrong into a message and exit code 1.
    static func run(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as ModelToolsError {
            Terminal.complain(error.reason)
            throw ExitCode.failure
        }
    }

    /// The names of a file's inputs.
    static func inputNames(of path: String) throws -> [String] {
        let bytes = try ToolFile.read(path)
        guard ModelFile.isImage(bytes) else { return ModelFile.inputNames(of: try ModelFile.onnx(bytes, path: path)) }
        return try LoadedModel(image: bytes).model.inputs.map(\.name)
    }

    /// `NAME=FILE`, where NAME may be left out if there is only one. A file's name may have an equals sign too.
    static func assignment(
        _ text: String, option: String, names: [String]
    ) throws -> (name: String, path: String) {
        if let name = names.filter({ text.hasPrefix($0 + "=") }).max(by: { $0.count < $1.count }) {
            return (name, String(text.dropFirst(name.count + 1)))
        }
        if names.count == 1, let name = names.first, FileManager.default.fileExists(atPath: text) {
            return (name, text)
        }
        guard let equals = text.firstIndex(of: "=") else {
            guard names.count != 1 else { throw ModelToolsError(.file, "\(text): there is no such file") }
            throw ModelToolsError(
                .name, "\(option) \(text): write NAME=FILE.npy; the inputs are \(names.joined(separator: ", "))")
        }
        throw ModelToolsError(
            .name,
            "\(option): the model has no input \"\(text[..<equals])\"; the inputs are \(names.joined(separator: ", "))")
    }

    /// The arrays of files, each for another input.
    static func arrays(_ files: [(name: String, path: String)]) throws -> [String: NPYArray] {
        var arrays: [String: NPYArray] = [:]
        for (name, path) in files {
            guard arrays.updateValue(try ToolFile.array(path), forKey: name) == nil else {
                throw ModelToolsError(.name, "--input gives \"\(name)\" twice")
            }
        }
        return arrays
    }

    /// Prints a value as one line of JSON, keys sorted.
    static func printJSONLine(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    /// Prints a value as JSON: keys sorted, in snake case as the API's of other tools.
    static func printJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}
