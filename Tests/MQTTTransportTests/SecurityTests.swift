import Foundation
import Glibc
import MQTTTransport
import Synchronization
import Testing

@Suite("Mutual TLS on a real mosquitto", .timeLimit(.minutes(2)))
struct SecurityTests {
    private static let rules = """
        pattern read dev/%u/dn/#
        pattern write dev/%u/up/#
        user boss
        topic readwrite #

        """
    private static func secureBroker(_ certificates: TestCertificates) throws -> TestBroker {
        try TestBroker(
            requiring: certificates,
            configuration: """
                allow_anonymous false
                acl_file FOLDER/acl
                """, files: ["acl": rules])
    }

    private static func tls(_ certificates: TestCertificates, _ name: String) -> MQTTTLS {
        MQTTTLS(
            caFile: certificates.path("ca.pem"), certificateFile: certificates.path("\(name).pem"),
            keyFile: certificates.path("\(name).key"))
    }

    @Test("the certificate's name decides what a client may do")
    func identity() async throws {
        let certificates = try TestCertificates(clients: ["boss", "press-4"])
        defer { certificates.remove() }
        let broker = try Self.secureBroker(certificates)
        let running = try RunningLoop()
        let (boss, heard) = try running.client(port: broker.port, id: "boss") {
            $0.tls = Self.tls(certificates, "boss")
        }
        let (device, seen) = try running.client(port: broker.port, id: "press-4") {
            $0.tls = Self.tls(certificates, "press-4")
        }
        boss.subscribe(["dev/+/up/#"], qos: .atLeastOnce)
        boss.connect()
        await eventually("the boss listens") { heard.all.contains(.subscribed(["dev/+/up/#"])) }
        device.subscribe(["dev/press-4/dn/#"], qos: .atLeastOnce)
        device.connect()
        device.publish(topic: "dev/press-4/up/report", payload: Array("own".utf8), qos: .atLeastOnce)
        device.publish(topic: "dev/press-5/up/report", payload: Array("foreign".utf8), qos: .atLeastOnce)
        await eventually("the foreign topic is refused") {
            seen.all.contains(.refused(topic: "dev/press-5/up/report", code: 0x87))
        }
        await eventually("the own topic passes") { heard.texts.contains("own") }
        #expect(!heard.texts.contains("foreign"))
        // More than one TLS record each way.
        let large = [UInt8](repeating: 0x41, count: 300_000)
        boss.publish(topic: "dev/press-4/dn/big", payload: large, qos: .atLeastOnce)
        await eventually("300 kB through TLS") { seen.texts.contains { $0.utf8.count == 300_000 } }
    }

    @Test("a broker of another authority is not trusted, and the reason says so")
    func foreignAuthority() async throws {
        let certificates = try TestCertificates(clients: ["boss"])
        let others = try TestCertificates(clients: ["boss"])
        defer {
            certificates.remove()
            others.remove()
        }
        let broker = try Self.secureBroker(certificates)
        let running = try RunningLoop()
        let (client, seen) = try running.client(port: broker.port, id: "boss") { $0.tls = Self.tls(others, "boss") }
        client.connect()
        await eventually("refused twice") { seen.disconnections >= 2 }
        guard case .disconnected(let reason, _)? = seen.all.first else { return }
        #expect(reason.contains("certificate verify failed"), "the reason was: \(reason)")
        #expect(seen.connections == 0)
        #expect(client.statistics.refusedAttempts == 0, "the client refused the broker, not the broker the client")
    }

    @Test("a certificate of another authority is turned away, which is told from a network that fails")
    func foreignCertificate() async throws {
        let certificates = try TestCertificates(clients: [])
        let others = try TestCertificates(clients: ["boss"])
        defer {
            certificates.remove()
            others.remove()
        }
        let broker = try Self.secureBroker(certificates)
        let running = try RunningLoop()
        let (client, seen) = try running.client(port: broker.port, id: "boss") {
            $0.tls = Self.tls(others, "boss")
            $0.tls?.caFile = certificates.path("ca.pem")
        }
        client.connect()
        await eventually("turned away: \(seen.all)") { client.statistics.refusedAttempts >= 1 }
        #expect(seen.connections == 0)
    }

    @Test("a client without a certificate is turned away")
    func withoutCertificate() async throws {
        let certificates = try TestCertificates(clients: [])
        defer { certificates.remove() }
        let broker = try Self.secureBroker(certificates)
        let running = try RunningLoop()
        let (client, seen) = try running.client(port: broker.port, id: "nobody") {
            $0.tls = MQTTTLS(caFile: certificates.path("ca.pem"))
        }
        client.connect()
        await eventually("turned away twice") { seen.disconnections >= 2 }
        #expect(seen.connections == 0)
    }

    @Test("under TLS a closed port is noticed at once")
    func closedPort() async throws {
        let certificates = try TestCertificates(clients: [])
        defer { certificates.remove() }
        let running = try RunningLoop()
        let (client, seen) = try running.client(port: TestBroker.freePort(), id: "early") {
            $0.tls = MQTTTLS(caFile: certificates.path("ca.pem"))
        }
        client.connect()
        await eventually("refused several times", within: 5) { seen.disconnections >= 3 }
        guard case .disconnected(let reason, _)? = seen.all.first else { return }
        #expect(reason.contains("refused"), "the reason was: \(reason)")
    }

    @Test("under TLS a server that hangs up in the handshake is noticed at once", arguments: [0, 300])
    func hangsUp(bytesRead: Int) async throws {
        let certificates = try TestCertificates(clients: [])
        defer { certificates.remove() }
        let listener = TCP.listen(port: 0)
        let rude = Thread {
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                var buffer = [UInt8](repeating: 0, count: max(1, bytesRead))
                if bytesRead > 0 { _ = read(client, &buffer, buffer.count) }
                close(client)
            }
        }
        rude.start()
        defer {
            shutdown(listener, Int32(SHUT_RDWR))
            close(listener)
        }
        let running = try RunningLoop()
        let (client, seen) = try running.client(port: TCP.port(of: listener), id: "snubbed") {
            $0.tls = MQTTTLS(caFile: certificates.path("ca.pem"))
        }
        client.connect()
        await eventually("hung up on several times", within: 5) { seen.disconnections >= 3 }
        #expect(client.statistics.failedAttempts >= 3 && client.statistics.refusedAttempts == 0)
    }

    @Test("missing certificate files are named when the client is made")
    func missingFiles() throws {
        let running = try RunningLoop()
        let error = #expect(throws: MQTTError.self) {
            _ = try running.client(port: 1, id: "x") { $0.tls = MQTTTLS(caFile: "/nowhere/ca.pem") }
        }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.context.contains("/nowhere/ca.pem") == true)
    }
}

@Suite("MQTT 3.1.1", .timeLimit(.minutes(2)))
struct FallbackTests {
    @Test("a broker that knows only 3.1.1 is spoken to in 3.1.1", arguments: OldBroker.Manner.allCases)
    func fallback(manner: OldBroker.Manner) async throws {
        let broker = try TestBroker()
        let old = try OldBroker(infrontOf: broker.port, manner: manner)
        defer { old.close() }
        let running = try RunningLoop()
        let (client, seen) = try running.client(port: old.port, id: "polyglot")
        client.subscribe(["echo"], qos: .atLeastOnce)
        client.publish(topic: "echo", payload: Array("hello".utf8), qos: .atLeastOnce)
        client.connect()
        await eventually("connected in 3.1.1") { client.statistics.protocolLevel == 4 }
        await eventually("acknowledged") { client.statistics.acknowledged == 1 }
        client.publish(topic: "echo", payload: Array("again".utf8), qos: .atLeastOnce)
        await eventually("the echo") { seen.texts.contains("again") }
        #expect(seen.disconnections == 0, "falling back is not a failure: \(seen.all)")
        #expect(old.refused == 1)
    }

    @Test("a client told to speak 3.1.1 never tries 5")
    func only311() async throws {
        let broker = try TestBroker()
        let old = try OldBroker(infrontOf: broker.port, manner: .saysUnacceptable)
        defer { old.close() }
        let running = try RunningLoop()
        let (client, seen) = try running.client(port: old.port, id: "conservative") { $0.version = .v311 }
        client.connect()
        await eventually("connected") { seen.connections == 1 }
        #expect(old.refused == 0)
    }
}
