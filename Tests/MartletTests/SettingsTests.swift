import Foundation
import FrameSource
import Testing

@testable import martlet

@Suite("Settings")
struct SettingsTests {
    static let config = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("config").path

    func file(_ text: String) throws -> String {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID().uuidString).yaml")
            .path
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    @Test("the command line wins over the environment, the environment over the file, the file over the default")
    func precedence() async throws {
        let path = try file("http:\n  port: 1000\n  host: file\nlog:\n  level: debug\n")
        let settings = try await ResolvedSettings(
            commandLine: ["http.port": "3000"], environment: ["MARTLET_HTTP_PORT": "2000", "MARTLET_HTTP_HOST": "env"],
            file: path)
        #expect(settings.integer(.httpPort) == 3000)
        #expect(settings.text(.httpHost) == "env")
        #expect(settings.text(.logLevel) == "debug")
        #expect(settings.text(.broker) == "embedded")
    }

    @Test("lists come from the file as sequences and from elsewhere as commas")
    func lists() async throws {
        let path = try file("trust:\n  init_keys: [a, b]\n")
        let fromFile = try await ResolvedSettings(commandLine: [:], environment: [:], file: path)
        #expect(fromFile.list(.initKeys) == ["a", "b"])
        let fromLine = try await ResolvedSettings(
            commandLine: ["trust.init_keys": "c, d"], environment: [:], file: path)
        #expect(fromLine.list(.initKeys) == ["c", "d"])
    }

    @Test(
        "a value that does not fit is an error, never the default",
        arguments: [
            ("MARTLET_HTTP_PORT", "eighty"), ("MARTLET_HTTP_PORT", "70000"), ("MARTLET_BROKER_MODE", "both"),
            ("MARTLET_TRUST_THRESHOLD", "0"),
        ])
    func misfit(name: String, value: String) async throws {
        let error = await #expect(throws: ConfigurationError.self) {
            try await ResolvedSettings(commandLine: [:], environment: [name: value], file: nil)
        }
        #expect(error?.description.contains(name) == true)
    }

    @Test("every mistake of a file is told with its line")
    func mistakes() {
        let problems = SettingsFile.problems(in: "http:\n  prot: 80\n  port: 99999\ndta: x\nbroker:\n  mode: both\n")
        #expect(problems.map(\.line) == [2, 3, 4, 6])
        #expect(problems[0].message.contains("did you mean 'port'?"))
        #expect(problems[2].message.contains("did you mean 'data'?"))
    }

    @Test("the sample controller configuration is right and names every key")
    func sample() throws {
        let text = try String(contentsOfFile: "\(Self.config)/controller.yaml", encoding: .utf8)
        #expect(SettingsFile.problems(in: text).isEmpty)
        for setting in Settings.all {
            let key = setting.name.split(separator: ".").last.map(String.init) ?? ""
            #expect(text.contains("\(key):"), "config/controller.yaml does not show \(setting.name)")
        }
    }

    @Test("the sample streams are right", arguments: ["shoulder", "shuttle", "digits"])
    func streams(name: String) throws {
        let text = try String(contentsOfFile: "\(Self.config)/\(name).yaml", encoding: .utf8)
        #expect(ConfigCommand.Check.problems(in: text, folder: Self.config) == [])
    }
}
