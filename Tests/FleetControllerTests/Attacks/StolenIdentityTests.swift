import FleetCrypto
import FleetModel
import FleetStore
import Foundation
import Logging
import MQTTTransport
import Synchronization
import Testing

@testable import FleetController

/// Attacks with identities, on a real mosquitto with the controller's own rules.
@Suite("Attacks with identities on a real broker", .serialized)
struct StolenIdentityTests {
    @Test("a thief who is connected with a stolen identity is put out by its revocation within seconds, and stays out")
    func revokedSession() async throws {
        let bench = try BrokerBench()
        let broker = try bench.broker()
        try await broker.start()
        let thief = try bench.device("stolen", of: broker)
        let other = try bench.device("other", of: broker)
        await thief.connect()
        await other.connect()
        let certificate = try Certificate(pemFile: bench.folder.appending(path: "devices/stolen/cert.pem").path())
        let provisioner = try bench.provisioner(of: broker)
        let start = ContinuousClock.now
        try provisioner.revoke(DeviceID("stolen"), serial: certificate.serial)
        try await provisioner.endSession(of: DeviceID("stolen"))
        await eventually("the session ends", within: 10) { thief.disconnections >= 1 }
        #expect(ContinuousClock.now - start < .seconds(60))
        await eventually("turned away when it comes back") { thief.disconnections >= 3 }
        #expect(thief.count("connected") == 1)
        #expect(other.disconnections == 0, "nobody else noticed")
        let names = try FileManager.default.contentsOfDirectory(atPath: bench.folder.appending(path: "pki").path())
        #expect(!names.contains { $0.hasPrefix("passing") }, "the identity that ended the session is gone")
        await broker.stop()
    }

    @Test("a session cannot be ended while the broker is away, and the error says what to do")
    func noBroker() async throws {
        let bench = try BrokerBench()
        let provisioner = DeviceProvisioner(pki: bench.pki, host: "127.0.0.1", port: 1)
        let error = await #expect(throws: ControllerError.self) {
            try await provisioner.endSession(of: DeviceID("d1"))
        }
        #expect(error?.code == .unavailable && error?.hint.isEmpty == false)
    }

    @Test(
        "a certificate that another authority made for the device's name, and none at all, are turned away and counted")
    func strangers() async throws {
        let bench = try BrokerBench()
        let broker = try bench.broker()
        try await broker.start()
        var log = BrokerLogReader(path: broker.logFile)
        #expect(log.knocks() == 0)
        let forger = try BrokerBench()
        let identity = forger.folder.appending(path: "forged")
        try DeviceProvisioner(pki: forger.pki, host: "h", port: 1).issue(DeviceID("d1")).write(to: identity.path())
        let ca = bench.pki.authorityFile
        let certificate = identity.appending(path: "cert.pem").path()
        let key = identity.appending(path: "key.pem").path()
        for tls in [MQTTTLS(caFile: ca, certificateFile: certificate, keyFile: key), MQTTTLS(caFile: ca)] {
            let witness = try Witness(loop: bench.loop, endpoint: #require(broker.endpoint), id: "d1", tls: tls)
            witness.client.connect()
            await eventually("turned away") { witness.disconnections >= 1 }
            witness.client.disconnect(flushMilliseconds: 0)
            #expect(!witness.saw("connected"))
        }
        var knocks = 0
        await eventually("both are in the log") {
            knocks += log.knocks()
            return knocks >= 2
        }
        await broker.stop()
    }

    @Test("eavesdropping: the broker speaks TLS alone, so that nobody reads on the way or joins without")
    func plainText() async throws {
        let bench = try BrokerBench()
        let broker = try bench.broker()
        try await broker.start()
        let endpoint = try #require(broker.endpoint)
        let disconnections = Mutex(0)
        let client = try bench.loop.makeClient(
            MQTTConfiguration(host: endpoint.host, port: endpoint.port, clientID: "d1")
        ) { event in
            switch event {
            case .connected: Issue.record("connected without TLS")
            case .disconnected: disconnections.withLock { $0 += 1 }
            default: break
            }
        }
        client.connect()
        await eventually("turned away") { disconnections.withLock { $0 } >= 1 }
        client.disconnect(flushMilliseconds: 0)
        await broker.stop()
    }

    @Test("a will on another device's topic is not published when its owner vanishes")
    func foreignWill() async throws {
        let bench = try BrokerBench()
        let broker = try bench.broker()
        try await broker.start()
        let controller = try bench.controller(of: broker)
        await controller.connect(subscribing: ["martlet/v1/dev/+/up/+"])
        let attacker = try bench.device("attacker", of: broker)
        attacker.client.setWill(MQTTWill(topic: "martlet/v1/dev/victim/up/presence", payload: Array("gone".utf8)))
        await attacker.connect()
        let own = try bench.device("honest", of: broker)
        own.client.setWill(MQTTWill(topic: "martlet/v1/dev/honest/up/presence", payload: Array("gone".utf8)))
        await own.connect()
        // Sessions that are taken over end without a goodbye: the broker publishes their wills.
        let provisioner = try bench.provisioner(of: broker)
        try await provisioner.endSession(of: DeviceID("attacker"))
        try await provisioner.endSession(of: DeviceID("honest"))
        await eventually("the honest will") { controller.saw("martlet/v1/dev/honest/up/presence=gone") }
        #expect(!controller.entries.contains { $0.contains("victim") })
        await broker.stop()
    }

    @Test("the broker's certificate is renewed under living sessions, and new connections see the new one")
    func brokerRenewal() async throws {
        // The controller was set up almost two years ago: everything that it made lasts for twenty days more.
        let clock = TestClock()
        clock.advance(Instant.now().since(clock.now))
        clock.advance(.days(20 - 2 * 365))
        let bench = try BrokerBench(clock: { clock.now })
        let broker = try bench.broker()
        try await broker.start()
        let device = try bench.device("d1", of: broker)
        await device.connect()
        let before = try served(by: broker, bench)
        #expect(try before == Certificate(pemFile: bench.pki.file("broker", "pem")).serial.uppercased())
        clock.advance(.days(2 * 365 - 20))
        broker.renewCertificates()
        var after = before
        for _ in 0..<50 where after == before {
            try await Task.sleep(for: .milliseconds(100))
            after = try served(by: broker, bench)
        }
        #expect(after != before)
        #expect(device.disconnections == 0)
        let other = try bench.device("d2", of: broker)
        await other.connect()
        await broker.stop()
    }

    /// Serial number of the certificate that the broker shows, as `openssl s_client` sees it.
    private func served(by broker: EmbeddedBroker, _ bench: BrokerBench) throws -> String {
        let port = try #require(broker.endpoint?.port)
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = [
            "-c", "openssl s_client -connect 127.0.0.1:\(port) </dev/null 2>/dev/null | openssl x509 -noout -serial",
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text.trimmingCharacters(in: .whitespacesAndNewlines).replacing("serial=", with: "")
    }
}
