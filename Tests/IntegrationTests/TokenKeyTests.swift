import BuiltPrograms
import FleetConsole
import FleetController
import FleetCrypto
import FleetModel
import FleetStore
import Foundation
import Glibc
import Logging
import Testing

/// The real agent with a key of TLS in a TPM: it enrols and connects with it, and the key is in no file.
@Suite("Keys in a token", .serialized, .timeLimit(.minutes(3)))
struct TokenKeyTests {
    static var isInstalled: Bool {
        ["/usr/bin/swtpm", "/usr/bin/tpm2_createprimary", "/usr/lib/x86_64-linux-gnu/ossl-modules/tpm2.so"]
            .allSatisfy { FileManager.default.fileExists(atPath: $0) }
    }

    /// What a run of the agent printed.
    private struct Run {
        var status: Int32
        var text: String
    }

    private struct Bench {
        let folder: URL
        let tpm: SoftwareTPM
        var identity: String { folder.appending(path: "identity").path() }
        var log: String { (try? String(contentsOf: folder.appending(path: "log"), encoding: .utf8)) ?? "" }

        func process(_ arguments: [String]) throws -> Process {
            let process = Process()
            process.executableURL = try BuiltPrograms.agent()
            process.arguments = arguments
            process.environment = tpm.environment
            return process
        }

        func run(_ arguments: String...) async throws -> Run {
            let process = try process(arguments)
            let pipe = Pipe()
            process.standardOutput = pipe
            process.standardError = pipe
            try process.run()
            let bytes = try await Task.detached { try pipe.fileHandleForReading.readToEnd() ?? Data() }.value
            process.waitUntilExit()
            return Run(status: process.terminationStatus, text: String(decoding: bytes, as: UTF8.self))
        }

        /// `martlet-agent enrol` with the key of a URI.
        func enrol(_ claim: String, key: String) async throws -> Run {
            try await run("enrol", "--claim", claim, "--identity", identity, "--key", key)
        }

        func doctor() async throws -> Run {
            try await run("doctor", "--identity", identity, "--data", "\(identity)/data")
        }

        /// The agent on its own.
        func start() throws -> Process {
            let process = try process(["--identity", identity, "--data", folder.appending(path: "state").path()])
            let file = folder.appending(path: "log")
            try Data().write(to: file)
            let handle = try FileHandle(forWritingTo: file)
            process.standardError = handle
            process.standardOutput = handle
            try process.run()
            return process
        }
    }

    private func withController(_ body: (Bench, FleetController, String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "token-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let controller = try await FleetController.open(
            configuration: ControllerConfiguration(dataFolder: folder.appending(path: "controller")),
            logger: TrustSite.quiet)
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let server = try ConsoleServer(
            controller: controller, configuration: ConsoleConfiguration(port: 0), logger: TrustSite.quiet,
            onListening: { port.yield($0) })
        let tasks = [Task { try await controller.run() }, Task { try await server.run() }]
        let bound = try #require(await ports.first { _ in true })
        let claim = try await controller.enrolment.createClaim(
            ClaimRequest(pattern: "press-7", url: "http://127.0.0.1:\(bound)"), by: TrustSite.admin)
        try await body(Bench(folder: folder, tpm: SoftwareTPM()), controller, claim.text)
        for task in tasks {
            task.cancel()
            _ = await task.result
        }
        try controller.store.close()
    }

    @Test(
        "the agent enrols and connects with a key that never leaves the TPM, waits while it is away, and the doctor says why",
        .enabled(if: isInstalled, "scripts/dependencies test"))
    func whole() async throws {
        try await withController { bench, controller, claim in
            let enrolled = try await bench.enrol(claim, key: SoftwareTPM.key)
            #expect(enrolled.status == 0, "\(enrolled.text)")
            let files = try FileManager.default.contentsOfDirectory(atPath: bench.identity)
            #expect(!files.contains("key.pem"))
            for file in files where file != "signing.pem" {
                let text = try String(contentsOfFile: "\(bench.identity)/\(file)", encoding: .utf8)
                #expect(!text.contains("PRIVATE KEY"), "\(file)")
            }
            let agent = try bench.start()
            defer { agent.terminate() }
            try await TrustSite.eventually("online: \(bench.log)") {
                try await controller.store.queries.deviceCounts().online == 1
            }
            let healthy = try await bench.doctor()
            #expect(healthy.text.contains("\(SoftwareTPM.key): opened"), "\(healthy.text)")
            #expect(healthy.text.contains("connected with mutual TLS"), "\(healthy.text)")

            bench.tpm.stop()
            let ill = try await bench.doctor()
            #expect(ill.status == 1 && ill.text.contains("the key \(SoftwareTPM.key)"), "\(ill.text)")
            #expect(ill.text.contains("openssl.cnf"), "\(ill.text)")
            try bench.tpm.start()
            let well = try await bench.doctor()
            #expect(well.text.contains("\(SoftwareTPM.key): opened"), "\(well.text)")
        }
    }

    @Test(
        "a key that is not there is named when the device enrols",
        .enabled(if: isInstalled, "scripts/dependencies test"))
    func missing() async throws {
        try await withController { bench, _, claim in
            let refused = try await bench.enrol(claim, key: SoftwareTPM.missing)
            #expect(refused.status == 1 && refused.text.contains("the key \(SoftwareTPM.missing)"), "\(refused.text)")
            #expect(!refused.text.contains(claim))
            let relative = try await bench.run(
                "enrol", "--claim", claim, "--identity", bench.identity, "--key", "key.pem")
            #expect(relative.status == 1 && relative.text.contains("named by a URI"), "\(relative.text)")
        }
    }
}
