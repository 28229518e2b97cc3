import Foundation
import MQTTTransport
import Testing

@testable import FleetController

@Suite("config/broker, the sample for a broker of one's own", .timeLimit(.minutes(1)))
struct SampleConfigurationTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "config/broker")

    private func text(_ name: String) throws -> String {
        try String(contentsOf: Self.folder.appending(path: name), encoding: .utf8)
    }

    @Test("its access rules are those of the embedded broker")
    func rules() throws {
        let bench = try BrokerBench()
        let files = BrokerFiles(configuration: bench.configuration(), port: 1, runsAsRoot: true)
        #expect(try text("acl") == files.rulesText())
    }

    @Test("mosquitto runs with it, and takes the fleet's certificates")
    func starts() async throws {
        let bench = try BrokerBench()
        try bench.pki.ensureBrokerCertificate(names: ["127.0.0.1"])
        let folder = bench.configuration().folder
        try FleetPKI.makePrivateFolder(folder)
        try text("acl").write(to: folder.appending(path: "rules.acl"), atomically: true, encoding: .utf8)
        let port = try LocalPort.free(on: "127.0.0.1")
        let pki = bench.folder.appending(path: "pki").path()
        let configuration = try text("mosquitto.conf")
            .replacing("/etc/mosquitto/martlet/acl", with: folder.appending(path: "rules.acl").path())
            .replacing("/etc/mosquitto/martlet", with: pki)
            .replacing("/var/lib/mosquitto/", with: folder.path())
            .replacing("listener 8883", with: "listener \(port) 127.0.0.1\nuser \(NSUserName())")
        #expect(!configuration.contains("/etc/mosquitto/martlet/"))
        // Where the bench looks for what it must end.
        let file = BrokerFiles.configurationFile(in: folder)
        try configuration.write(toFile: file, atomically: true, encoding: .utf8)
        let process = try BrokerProcess.launch(
            [BrokerProcess.findProgram(), "-c", file], log: folder.appending(path: "broker.log").path())
        let probe = BrokerProbe(host: "127.0.0.1", port: port, tls: bench.pki.probeTLS)
        var answer = await probe.ask()
        let deadline = ContinuousClock.now + .seconds(10)
        while answer != .alive, ContinuousClock.now < deadline, process.isAlive { answer = await probe.ask() }
        #expect(answer == .alive)
        await process.terminate()
    }
}
