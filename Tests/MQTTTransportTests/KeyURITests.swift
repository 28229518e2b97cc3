import MQTTTransport
import Testing

/// Keys that a provider of OpenSSL holds: here the one for `file:`, which is always there. A TPM's is in
/// IntegrationTests.
@Suite("Keys by URI on a real mosquitto", .timeLimit(.minutes(2)))
struct KeyURITests {
    private func client(
        _ running: RunningLoop, _ broker: TestBroker, _ certificates: TestCertificates, ca: TestCertificates? = nil,
        host: String = "127.0.0.1", key: String? = nil
    ) throws -> (MQTTClient, Recorder) {
        try running.client(port: broker.port, id: "boss") {
            $0.host = host
            $0.tls = MQTTTLS(
                caFile: (ca ?? certificates).path("ca.pem"), certificateFile: certificates.path("boss.pem"),
                keyFile: key ?? "file:\(certificates.path("boss.key"))")
        }
    }

    @Test("a client connects, by address and by name, again and again", arguments: ["127.0.0.1", "localhost"])
    func connects(host: String) async throws {
        let certificates = try TestCertificates(clients: ["boss"])
        defer { certificates.remove() }
        let broker = try TestBroker(requiring: certificates)
        let running = try RunningLoop()
        let (client, seen) = try client(running, broker, certificates, host: host)
        client.subscribe(["echo"], qos: .atLeastOnce)
        client.connect()
        await eventually("subscribed: \(seen.all)") { seen.all.contains(.subscribed(["echo"])) }
        client.publish(topic: "echo", payload: [UInt8](repeating: 0x41, count: 300_000), qos: .atLeastOnce)
        await eventually("300 kB through TLS") { seen.texts.contains { $0.utf8.count == 300_000 } }
        broker.kill()
        try broker.start()
        await eventually("back: \(seen.all)") { seen.connections == 2 }
    }

    @Test("a broker whose certificate names another host is not trusted", arguments: ["DNS:elsewhere", "IP:127.0.0.9"])
    func otherHost(names: String) async throws {
        let certificates = try TestCertificates(clients: ["boss"], broker: names)
        defer { certificates.remove() }
        let broker = try TestBroker(requiring: certificates)
        let running = try RunningLoop()
        for host in ["127.0.0.1", "localhost"] {
            let (client, seen) = try client(running, broker, certificates, host: host)
            client.connect()
            await eventually("refused twice") { seen.disconnections >= 2 }
            #expect(seen.connections == 0)
            guard case .disconnected(let reason, _)? = seen.all.first else { continue }
            #expect(reason.contains("certificate verify failed"), "the reason was: \(reason)")
        }
    }

    @Test("a broker of another authority is not trusted")
    func otherAuthority() async throws {
        let certificates = try TestCertificates(clients: ["boss"])
        let others = try TestCertificates(clients: [])
        defer {
            certificates.remove()
            others.remove()
        }
        let broker = try TestBroker(requiring: certificates)
        let running = try RunningLoop()
        let (client, seen) = try client(running, broker, certificates, ca: others)
        client.connect()
        await eventually("refused twice") { seen.disconnections >= 2 }
        #expect(seen.connections == 0 && client.statistics.refusedAttempts == 0)
    }

    @Test(
        "a key that is not there, has no provider, or does not belong to the certificate is named, and tried again",
        arguments: [
            ("file:/nowhere/key.pem", "file:/nowhere/key.pem"),
            ("pkcs11:token=fleet;object=tls?pin-source=x", "pkcs11:"),
            ("pkcs11:token=fleet?pin-value=1234", "pin-source"), ("file:broker.key", "do not belong together"),
        ])
    func unusable(key: String, words: String) async throws {
        let certificates = try TestCertificates(clients: ["boss"])
        defer { certificates.remove() }
        let broker = try TestBroker(requiring: certificates)
        let running = try RunningLoop()
        let uri = key == "file:broker.key" ? "file:\(certificates.path("broker.key"))" : key
        let (client, seen) = try client(running, broker, certificates, key: uri)
        client.connect()
        await eventually("tried twice") { seen.disconnections >= 2 }
        guard case .disconnected(let reason, _)? = seen.all.first else { return }
        #expect(reason.contains(words) && !reason.contains("1234") && !reason.contains("pin-source=x"), "\(reason)")
    }
}
