import ArgumentParser
import FleetClient
import FleetModel
import Foundation
import ModelTools

/// `martlet model`: models and their versions, and what can be done with a model file on this machine.
struct ModelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model",
        abstract: "Push, seal, fetch, list and show models; run, compile, inspect, check and measure files.",
        subcommands: [
            Push.self, Seal.self, List.self, Show.self, Fetch.self, Run.self, Compile.self, Inspect.self, Replay.self,
            Bench.self,
            Check.self, Quantize.self,
        ])

    struct Push: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Register an ONNX file as the next version of a model.",
            discussion: "The controller compiles it to an image; operators that the runtime lacks are listed at once.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The model's name.") var model: String
        @Argument(help: "The ONNX file.") var file: String
        @Option(name: .customLong("lineage"), help: "What the version comes from, key=value; may be repeated.")
        var lineage: [String] = []

        func run() async throws {
            let bytes = try ModelFile.asOneFile(Arguments.file(file), file: file)
            let pairs = try Arguments.pairs(lineage, option: "--lineage")
            try await client.run { api in
                let text = try JSONValue.object(pairs.mapValues(JSONValue.string)).text()
                let answer = try await api.upload(
                    "/api/v1/models/\(model)/versions", query: [("lineage", text)], type: "application/octet-stream",
                    bytes)
                try client.show(answer) { "\($0["id"].cell), image \($0["image"].cell)" }
            }
        }
    }

    struct Seal: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Encrypt a model's images on their way to the devices, from now on and for good.",
            discussion: """
                Each image gets its own key, and a device gets the key with the release that it is to run, in an envelope \
                that only its signing key opens: neither the broker nor a device of another group can read the image. What \
                went out before stays readable. docs/trust.md says more.
                """)
        @OptionGroup var client: ClientOptions
        @Argument(help: "The model's name.") var model: String

        func run() async throws {
            try await client.run { api in
                try client.show(try await api.put("/api/v1/models/\(model)/seal", [:])) {
                    "\($0["name"].cell) is sealed: its images go out encrypted"
                }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List models.")
        @OptionGroup var client: ClientOptions

        func run() async throws {
            try await client.run { api in
                try client.list(
                    try await api.all("/api/v1/models"),
                    [
                        ("MODEL", "name"), ("VERSIONS", "versions"), ("SEALED", "sealed"), ("CREATED", "createdAt"),
                        ("DESCRIPTION", "description"),
                    ])
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a model, or one version as model:number.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The model, such as shoulder or shoulder:2.") var model: String

        func run() async throws {
            let path: String
            if model.contains(":") {
                let version = try Arguments.version(model)
                path = "/api/v1/models/\(version.model)/versions/\(version.number)"
            } else {
                path = "/api/v1/models/\(model)"
            }
            try await client.run { api in try client.show(try await api.get(path), Details.text) }
        }
    }
}
