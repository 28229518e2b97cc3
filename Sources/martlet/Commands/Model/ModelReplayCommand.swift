import ArgumentParser
import FleetClient
import FleetModel
import Foundation
import ModelTools

extension ModelCommand {
    /// `martlet model replay`: two versions over one dataset version.
    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Score a dataset version with two versions and show what changes.",
            discussion: """
                Fetches both versions and the frames from the controller and runs them on this machine as devices do. Shows \
                the accuracy of each, how often they agree, and the frames that they answer differently.

                  martlet model replay shoulder:1 shoulder:2 --dataset shoulder:1
                """)
        @OptionGroup var client: ClientOptions
        @Argument(help: "The first version, such as shoulder:1.") var first: String
        @Argument(help: "The second version, such as shoulder:2.") var second: String
        @Option(help: "The dataset version, dataset:number.") var dataset: String

        func run() async throws {
            let dataset = try Arguments.version(dataset)
            let names = try (Arguments.version(first), Arguments.version(second))
            try await client.run { api in
                let description = try await api.get("/api/v1/datasets/\(dataset.model)")
                let classes = description["classes"].array.compactMap(\.string)
                let versions = try await (
                    version(names.0.description, classes, api),
                    version(names.1.description, classes, api)
                )
                let export = "/api/v1/datasets/\(dataset.model)/versions/\(dataset.number)/export"
                let archive = try await api.download(export)
                try LocalModel.run {
                    let frames = try DatasetArchive.frames(archive)
                    let scores = try (versions.0.scores(of: frames), versions.1.scores(of: frames))
                    let replay = ModelTools.Replay(
                        frames, scores: scores, versions: (versions.0.name, versions.1.name), classes: classes)
                    if client.json { try LocalModel.printJSON(replay) } else { print(replay) }
                }
            }
        }

        /// A version, if it answers the dataset's classes; a pushed version does not tell its own.
        private func version(
            _ name: String, _ classes: [String], _ api: FleetClient
        ) async throws -> ReplayVersion {
            var version = try await ServedVersion.fetch(try Arguments.version(name), api)
            guard version.classes.isEmpty || version.classes == classes else {
                throw ValidationError(
                    "\(name) answers \(version.classes.joined(separator: ", ")), the dataset has \(classes.joined(separator: ", "))"
                )
            }
            version.classes = classes
            return version
        }
    }
}
