import FleetCrypto
import FleetModel
import FleetWire
import Foundation
import MQTTTransport
import Testing

@testable import DeviceHost

/// A device whose certificate nears its end, on a network that the test plays.
@Suite("A new certificate is tried")
struct RenewalTrialTests {
    /// One client; what the broker says to it, the test says.
    private final class Link: DeviceLink, @unchecked Sendable {
        let handler: @Sendable (MQTTEvent) -> Void
        var wasTurnedAway = false
        var published: [(topic: String, payload: [UInt8])] = []

        init(_ handler: @escaping @Sendable (MQTTEvent) -> Void) { self.handler = handler }

        func connect() {}
        func disconnect(flushMilliseconds: Int64) {}
        func setWill(_ will: MQTTWill?) {}
        func setTLS(_ tls: MQTTTLS) {}
        func subscribe(_ filters: [String], qos: QoS) {}
        func unsubscribe(_ filters: [String]) {}
        func publish(topic: String, payload: [UInt8], qos: QoS, retain: Bool, priority: MQTTPriority) {
            published.append((topic, payload))
        }
        func fail() { handler(.disconnected(reason: "a test", willRetryInMilliseconds: nil)) }
    }

    private final class Loop: DeviceLoop, @unchecked Sendable {
        let bench = BenchLoop()
        var links: [Link] = []

        func perform(_ work: @escaping @Sendable () -> Void) { bench.perform(work) }
        func schedule(after milliseconds: Int64, _ work: @escaping @Sendable () -> Void) -> TimerID {
            bench.schedule(after: milliseconds, work)
        }
        func cancel(_ timer: TimerID) { bench.cancel(timer) }
        func makeLink(
            _ configuration: MQTTConfiguration, handler: @escaping @Sendable (MQTTEvent) -> Void
        ) throws(MQTTError) -> any DeviceLink {
            let link = Link(handler)
            links.append(link)
            return link
        }
    }

    /// A device with a certificate that has a month left, connected; it has asked for the next one.
    private final class Scene {
        let folder = URL(filePath: "/dev/shm/trial-\(UUID().uuidString)")
        let device = DeviceID(unchecked: "bench")
        let loop = Loop()
        let key: SigningKey
        let authority: CertificateAuthority
        let host: DeviceHost

        init() throws {
            let place = folder.path()
            let now = loop.bench.time.system
            let validity = CertificateAuthority.Validity(from: .epoch, until: now.advanced(by: .days(30)))
            authority = try CertificateAuthority.create(name: "test", validity: validity)
            key = try SigningKey.generate()
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            func path(_ name: String) -> String { "\(place)/\(name)" }
            try authority.certificate.write(pemFile: path("ca.pem"))
            let own = try PrivateKey.generate()
            try own.write(pemFile: path("key.pem"))
            try authority.issueClient(commonName: "bench", key: own, validity: validity).write(
                pemFile: path("cert.pem"))
            let configuration = DeviceConfiguration(
                device: device, folder: path("state"), brokerHost: "none", brokerPort: 1,
                tls: MQTTTLS(
                    caFile: path("ca.pem"), certificateFile: path("cert.pem"), keyFile: path("key.pem")),
                signingKey: key, rootKey: TestTrust.trusted(try SigningKey.generate(), "root"),
                limits: TestDevice.limits, seed: 9)
            let platform = DevicePlatform(
                loop: loop, time: loop.bench.time, files: SystemFiles(),
                randomBytes: { count throws(DeviceError) in [UInt8](repeating: 7, count: count) })
            host = try DeviceHost(configuration: configuration, platform: platform, observer: { _ in })
            host.start()
            loop.bench.run(milliseconds: 10)
            loop.links[0].handler(.connected(sessionPresent: false))
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        var asked: RenewalRequest? {
            let topic = Topics().text(.renew(device))
            return loop.links[0].published.first { $0.topic == topic }.flatMap {
                try? RenewalRequest(decoding: $0.payload)
            }
        }

        /// The controller's answer, upon which the device tries it.
        func answer() throws {
            let request = try CertificateRequest(pem: #require(asked).certificateRequest)
            let now = loop.bench.time.system
            let certificate = try authority.issueClient(
                for: request, commonName: "bench", validity: .init(from: .epoch, until: now.advanced(by: .days(3650))))
            let payload = RenewedCertificate(certificate: try certificate.pem()).encoded()
            payload.withUnsafeBytes { bytes in
                loop.links[0].handler(
                    .message(
                        MQTTMessage(
                            topic: Topics().text(.certificate(device)), payload: bytes, retained: false,
                            qos: .atLeastOnce)))
            }
        }

        var waiting: [String] {
            ((try? FileManager.default.contentsOfDirectory(atPath: folder.path())) ?? []).filter {
                $0.hasSuffix(".next")
            }
        }
    }

    @Test("the device signs its request with its key of receipts, as its own")
    func signed() throws {
        let scene = try Scene()
        let request = try #require(scene.asked)
        let verifier = try scene.key.verificationKey
        #expect(verifier.verify(signature: request.signature, message: request.transcript(of: scene.device)))
        let other = request.transcript(of: DeviceID(unchecked: "other"))
        #expect(!verifier.verify(signature: request.signature, message: other))
    }

    @Test("a trial that the network ends is repeated with the same pair; one that the broker turns away discards it")
    func trials() throws {
        let scene = try Scene()
        try scene.answer()
        #expect(scene.loop.links.count == 2 && scene.waiting.count == 2)
        scene.loop.links[1].fail()
        #expect(scene.waiting.count == 2, "the network failed, not the certificate")
        scene.loop.bench.run(milliseconds: DeviceHost.trialRetry + 1000)
        #expect(scene.loop.links.count == 3)
        scene.loop.links[2].wasTurnedAway = true
        scene.loop.links[2].fail()
        #expect(scene.waiting.isEmpty)
        scene.loop.bench.run(milliseconds: DeviceHost.trialRetry + 1000)
        #expect(scene.loop.links.count == 3)
    }

    @Test("a device that was stopped tries nothing any more")
    func stopped() throws {
        let scene = try Scene()
        try scene.answer()
        scene.loop.links[1].fail()
        scene.host.stop()
        scene.loop.bench.run(milliseconds: DeviceHost.trialRetry * 2)
        #expect(scene.loop.links.count == 2)
    }
}
