import Foundation
import Testing

/// The `martlet` program as a process, as scripts use it.
@Suite("The command line as a process")
struct CommandLineTests {
    struct Outcome {
        var status: Int32
        var output: String
        var errors: String
    }

    /// The program beside the test bundle.
    static let program: URL = {
        var folder = Bundle.main.bundleURL
        while !FileManager.default.isExecutableFile(atPath: folder.appendingPathComponent("martlet").path),
            folder.path != "/"
        { folder.deleteLastPathComponent() }
        return folder.appendingPathComponent("martlet")
    }()

    func run(_ arguments: [String], environment: [String: String] = [:]) throws -> Outcome {
        let process = Process()
        process.executableURL = Self.program
        process.arguments = arguments
        process.environment = ["PATH": "/usr/bin:/bin", "HOME": "/tmp"].merging(environment) { $1 }
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        let complaint = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
            errors: String(decoding: complaint, as: UTF8.self))
    }

    func folder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    @Test("help lists every command and the exit codes")
    func help() throws {
        let outcome = try run(["--help"])
        #expect(outcome.status == 0)
        for command in [
            "serve", "config", "key", "token", "device", "model", "root", "release", "rollout", "sample", "dataset",
            "train",
            "policy", "alert",
        ] { #expect(outcome.output.contains("  \(command) "), "\(command) is missing") }
        #expect(outcome.output.contains("Exit codes"))
    }

    @Test("completions are written for each shell", arguments: ["bash", "zsh", "fish"])
    func completions(shell: String) throws {
        let outcome = try run(["--generate-completion-script", shell])
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("rollout"))
    }

    @Test("wrong usage exits with 64", arguments: [["rollout", "start"], ["nonsense"], ["model", "show", "a:b"]])
    func usage(arguments: [String]) throws {
        #expect(try run(arguments).status == 64)
    }

    @Test("no controller exits with 6 and says where it looked")
    func unreachable() throws {
        let outcome = try run(["device", "list"], environment: ["MARTLET_URL": "http://127.0.0.1:1"])
        #expect(outcome.status == 6)
        #expect(outcome.errors.contains("http://127.0.0.1:1"))
    }

    @Test("config check exits with 1 and tells lines; a right file gives 0")
    func configCheck() throws {
        let folder = try folder()
        let wrong = folder.appendingPathComponent("wrong.yaml")
        try Data("http:\n  port: eighty\n".utf8).write(to: wrong)
        let outcome = try run(["config", "check", wrong.path])
        #expect(outcome.status == 1)
        #expect(outcome.output.contains("line 2: http.port"))
        let right = folder.appendingPathComponent("right.yaml")
        try Data("http:\n  port: 80\n".utf8).write(to: right)
        #expect(try run(["config", "check", right.path]).status == 0)
    }

    @Test("a key is written once, for its owner alone, and never overwritten")
    func keys() throws {
        let path = try folder().appendingPathComponent("ops.pem").path
        #expect(try run(["key", "create", "--out", path]).status == 0)
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(try run(["key", "create", "--out", path]).status == 64)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
        #expect(try run(["key", "show", path, "--json"]).output.contains("\"publicKey\""))
    }
}
