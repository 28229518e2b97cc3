import ArgumentParser
import FleetClient
import FleetModel
import Foundation
import FrameSource

/// `martlet dataset`: frames with classes, in immutable versions.
struct DatasetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dataset", abstract: "Import frames, cut versions and export them.",
        subcommands: [Import.self, Cut.self, Export.self, List.self])

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Import labelled frames of a described stream.",
            discussion: "The stream section of --config says how files become frames; see config/shoulder.yaml.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The dataset's name.") var dataset: String
        @Option(help: "A configuration file with a stream section.") var config: String
        @Option(help: "Only frames whose device matches, such as side=R,subject=1|2.") var selector = "*"

        /// Frames in one request.
        static let batch = 500

        func run() async throws {
            let stream = try StreamFile.stream(at: config)
            let selector = try Selector(selector)
            let frames = try StreamReader(stream).frames().filter { selector.matches($0.device, tags: $0.tags) }
            guard !frames.isEmpty else { throw ValidationError("no frame of \(config) matches \(selector)") }
            try await client.run { api in
                try await api.put("/api/v1/datasets/\(dataset)", DatasetDocument.description(of: stream))
                for start in stride(from: 0, to: frames.count, by: Self.batch) {
                    let part = frames[start..<min(start + Self.batch, frames.count)]
                    let lines = try part.map { try DatasetDocument.line($0, stream: stream) + "\n" }.joined()
                    try await api.upload(
                        "/api/v1/datasets/\(dataset)/frames", type: "application/x-ndjson", Array(lines.utf8))
                }
                let answer = try await api.get("/api/v1/datasets/\(dataset)")
                try client.show(answer) { _ in "imported \(frames.count) frames into \(dataset)" }
            }
        }
    }

    struct Cut: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Cut an immutable version of a dataset.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The dataset's name.") var dataset: String
        @Option(help: "Only frames whose device matches.") var selector = "*"
        @Flag(help: "Add the samples that people have annotated.") var annotations = false

        func run() async throws {
            try await client.run { api in
                let answer = try await api.post(
                    "/api/v1/datasets/\(dataset)/versions",
                    ["selector": .string(selector), "includeAnnotations": .bool(annotations)])
                try client.show(answer) {
                    "\(dataset):\($0["number"].cell) has \($0["items"].cell) frames, digest \($0["digest"].cell)"
                }
            }
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Write a dataset version as a WebDataset tar file.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The dataset version, dataset:number.") var version: String
        @Option(help: "Where to write it.") var out: String

        func run() async throws {
            let version = try Arguments.version(version)
            try await client.run { api in
                let bytes = try await api.download(
                    "/api/v1/datasets/\(version.model)/versions/\(version.number)/export")
                guard FileManager.default.createFile(atPath: out, contents: Data(bytes)) else {
                    throw ValidationError("\(out) cannot be written")
                }
                try client.show(["file": .string(out), "bytes": .number(Double(bytes.count))]) { _ in
                    "wrote \(bytes.count) bytes to \(out)"
                }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List datasets.")
        @OptionGroup var client: ClientOptions

        func run() async throws {
            try await client.run { api in
                try client.list(
                    try await api.all("/api/v1/datasets"),
                    [("DATASET", "name"), ("FRAMES", "frames"), ("VERSIONS", "versions"), ("KIND", "input.kind")])
            }
        }
    }
}

/// Datasets as the API takes them.
enum DatasetDocument {
    static func description(of stream: StreamDescription) -> JSONValue {
        [
            "kind": .string(stream.kind.rawValue), "steps": .number(Double(stream.frame.steps)),
            "width": .number(Double(stream.width)),
            "channels": .array(stream.channels.map { ["name": .string($0.name), "unit": .string($0.unit)] }),
            "classes": .array(stream.classes.map { .string($0.name) }),
        ]
    }

    /// One frame as a line of NDJSON. A missing value is `null`.
    static func line(_ frame: RecordedFrame, stream: StreamDescription) throws -> String {
        let value: JSONValue = [
            "device": .string(frame.device.text), "tag": .string("f\(frame.index)"),
            "tags": .object(frame.tags.mapValues(JSONValue.string)),
            "class": .string(stream.classes[frame.classIndex].name),
            "values": .array(frame.values.map { $0.isFinite ? .number(Double($0)) : .null }),
        ]
        return try value.text()
    }
}

/// The stream section of a configuration file.
enum StreamFile {
    static func stream(at path: String) throws -> StreamDescription {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ValidationError("\(path) cannot be read")
        }
        let problems = ProblemList()
        let stream = YAMLSection.root(text: text, problems: problems)?.section("stream", required: true)
            .flatMap { StreamDescription($0, folder: URL(fileURLWithPath: path).deletingLastPathComponent().path) }
        guard let stream, problems.problems.isEmpty else {
            throw ConfigurationError(file: path, problems: problems.problems)
        }
        return stream
    }
}
