import ArgumentParser
import FleetClient
import Foundation
import FrameSource

/// `martlet config`: what can be set, and whether a file is right.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Check configuration files and list the keys.",
        subcommands: [Check.self, List.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Explain every mistake of a file, with its line.",
            discussion: "Takes the controller's configuration, or a stream description (a file with a stream section).")
        @Argument(help: "The YAML file.") var file: String
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
                throw ValidationError("\(file) cannot be read")
            }
            let problems = Self.problems(in: text, folder: URL(fileURLWithPath: file).deletingLastPathComponent().path)
            if json {
                let items = problems.map { problem -> JSONValue in
                    [
                        "line": .number(Double(problem.line)), "key": .string(problem.key),
                        "message": .string(problem.message),
                    ]
                }
                print(try JSONValue.object(["file": .string(file), "problems": .array(items)]).text(pretty: true))
            } else {
                print(problems.isEmpty ? "\(file) is right" : problems.map { "\(file):\($0)" }.joined(separator: "\n"))
            }
            if !problems.isEmpty { throw ExitCode.failure }
        }

        /// The mistakes of a controller's configuration or of a stream description.
        static func problems(in text: String, folder: String) -> [ConfigurationProblem] {
            let list = ProblemList()
            guard let root = YAMLSection.root(text: text, problems: list) else { return list.problems }
            guard root.has("stream") else { return SettingsFile.problems(in: text) }
            _ = LoopDescription(root: root, folder: folder)
            return list.problems.sorted { ($0.line, $0.key) < ($1.line, $1.key) }
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the controller's keys: type, default, meaning.")
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            let rows = Settings.all.map { [$0.name, $0.kindText, $0.defaultText, $0.environmentName, $0.meaning] }
            guard json else {
                print(Table.text(titles: ["KEY", "TYPE", "DEFAULT", "ENVIRONMENT", "MEANING"], rows: rows))
                return
            }
            let items = Settings.all.map { setting -> JSONValue in
                [
                    "key": .string(setting.name), "type": .string(setting.kindText),
                    "default": .string(setting.defaultText), "environment": .string(setting.environmentName),
                    "secret": .bool(setting.isSecret), "meaning": .string(setting.meaning),
                ]
            }
            print(try JSONValue.object(["items": .array(items)]).text(pretty: true))
        }
    }
}
