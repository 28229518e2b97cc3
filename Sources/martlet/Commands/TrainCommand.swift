import ArgumentParser
import FleetClient
import FleetModel
import Foundation
import Training

/// `martlet train`: the built-in trainer, and training runs at the controller.
struct TrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Train a job folder here, or start and watch training runs at the controller.",
        subcommands: [Job.self, Start.self, Status.self, List.self], defaultSubcommand: Job.self)

    struct Job: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The built-in trainer: does the job in a folder (the trainer contract, docs/trainer.md).",
            discussion:
                "Reads manifest.json, config.json and shards; leaves model.onnx and metrics.json; tells progress "
                + "as JSON lines on standard output.")
        @Argument(help: "The job folder.") var folder: String
        @Option(help: "Trainings that run side by side.") var workers = ProcessInfo.processInfo.activeProcessorCount

        func run() async throws {
            do {
                try await BuiltInTrainer.run(
                    JobFolder(URL(fileURLWithPath: folder)), workers: max(1, min(workers, 64)), report: Self.tell)
            } catch let error as TrainingError {
                Terminal.complain("\(error)")
                throw ExitCode.failure
            }
        }

        private static func tell(_ progress: TrainingProgress) {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            guard let line = try? encoder.encode(progress) else { return }
            FileHandle.standardOutput.write(line + Data("\n".utf8))
        }
    }

    struct Start: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Start a training run at the controller.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The model that gets a new version.") var model: String
        @Option(help: "The dataset version, dataset:number.") var dataset: String
        @Option(help: "The trainer's name.") var trainer = "builtin"
        @Option(name: .customLong("parameter"), help: "A parameter of the trainer, key=value; may be repeated.")
        var parameters: [String] = []
        @Option(help: "The seed of every random choice: the same run gives the same model.") var seed = 1
        @Flag(help: "Wait until it ends; exit code 7 unless it succeeds.") var wait = false

        func run() async throws {
            let version = try Arguments.version(dataset)
            let pairs = try Arguments.pairs(parameters, option: "--parameter").mapValues(Arguments.json)
            try await client.run { api in
                var run = try await api.post(
                    "/api/v1/training-runs",
                    [
                        "model": .string(model), "dataset": .string(version.model.text),
                        "datasetVersion": .number(Double(version.number)), "trainer": .string(trainer),
                        "parameters": .object(pairs), "seed": .number(Double(seed)),
                    ])
                if wait { run = try await TrainingWatch.untilDone(run["id"].cell, api: api, quiet: client.json) }
                try client.show(run, TrainingWatch.line)
                if wait, run["state"].string != "succeeded" { throw ExitStatus.notSuccessful }
            }
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a training run.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The run's id.") var run: String

        func run() async throws {
            try await client.run { api in
                try client.show(try await api.get("/api/v1/training-runs/\(self.run)"), Details.text)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List training runs, the newest first.")
        @OptionGroup var client: ClientOptions

        func run() async throws {
            try await client.run { api in
                try client.list(
                    try await api.all("/api/v1/training-runs"),
                    [
                        ("RUN", "id"), ("MODEL", "model"), ("STATE", "state"), ("VERSION", "version"),
                        ("WHY", "reason"), ("CREATED", "createdAt"),
                    ])
            }
        }
    }
}

/// Waits for a training run's end, with a line per change.
enum TrainingWatch {
    static func untilDone(_ id: String, api: FleetClient, quiet: Bool) async throws -> JSONValue {
        var last = ""
        while true {
            let run = try await api.get("/api/v1/training-runs/\(id)")
            let line = line(run)
            if line != last, !quiet { print(line) }
            last = line
            if ["succeeded", "failed", "rejected", "cancelled"].contains(run["state"].string) { return run }
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    static func line(_ run: JSONValue) -> String {
        let percent = Int((run["progress"].number ?? 0) * 100)
        let result = run["version"].string.map { ", made \($0)" } ?? run["failure"].string.map { ": \($0)" } ?? ""
        return "training run \(run["id"].cell) of \(run["model"].cell) is \(run["state"].cell), \(percent) %\(result)"
    }
}
