import BuiltPrograms
import FleetCrypto
import FleetModel
import FleetWire
import Foundation
import MQTTTransport
import Synchronization
import Testing

@testable import FleetController

/// broker-guard/ in a real mosquitto. What the controller makes of it is in IntegrationTests.
@Suite("The broker's guard", .serialized, .timeLimit(.minutes(3)))
struct BrokerGuardTests {
    private static let refused = Topics().refused

    private func guarded(_ bench: BrokerBench) async throws -> EmbeddedBroker {
        let plugin = try GuardPlugin.path.get()
        let broker = try bench.broker { $0.guardPlugin = plugin }
        #expect(try await broker.start() == .launched)
        return broker
    }

    /// The controller's client, and the refusals that it is told.
    private func controller(of broker: EmbeddedBroker, _ bench: BrokerBench) async throws -> (Told, MQTTClient) {
        let told = Told()
        let endpoint = try #require(broker.endpoint)
        let client = try bench.loop.makeClient(
            MQTTConfiguration(
                host: endpoint.host, port: endpoint.port, clientID: endpoint.clientID, tls: bench.pki.controllerTLS)
        ) { event in
            switch event {
            case .message(let message) where message.topic != Self.refused: told.chunks.withLock { $0 += 1 }
            case .message(let message): told.add(try? AccessRefusal(decoding: message.bytes))
            case .subscribed: told.isReady.withLock { $0 = true }
            default: break
            }
        }
        client.subscribe([Self.refused], qos: .atLeastOnce)
        client.connect()
        told.client.withLock { $0 = client }
        await eventually("subscribed") { told.isReady.withLock { $0 } }
        return (told, client)
    }

    private final class Told: Sendable {
        let isReady = Mutex(false)
        /// Messages of other topics.
        let chunks = Mutex(0)
        private let list = Mutex<[AccessRefusal?]>([])
        /// Lives as long as what it hears is of interest.
        let client = Mutex<MQTTClient?>(nil)
        func add(_ refusal: AccessRefusal?) { list.withLock { $0.append(refusal) } }
        var all: [AccessRefusal?] { list.withLock { $0 } }
    }

    @Test("what it says is deterministic CBOR, escaped and cut to size")
    func message() async throws {
        let bench = try BrokerBench()
        let broker = try await guarded(bench)
        let (told, _) = try await controller(of: broker, bench)
        let device = try bench.device("press-4", of: broker)
        await device.connect()
        device.publish("martlet/v1/dev/press-5/up/é\\ " + String(repeating: "x", count: 5000), "foreign")
        await eventually("told") { !told.all.isEmpty }
        let first = try #require(told.all.first)
        let refusal = try #require(first)
        #expect(refusal.kind == .publish && refusal.identity == "press-4" && refusal.clientID == "press-4")
        #expect(refusal.address == "127.0.0.1" && refusal.count == 1)
        #expect(refusal.topic.hasPrefix("martlet/v1/dev/press-5/up/\\xc3\\xa9\\x5c xxx"))
        #expect(refusal.topic.utf8.count == 200)
        await broker.stop()
    }

    @Test("a flood of refusals is told five times in a minute, and then counted")
    func flood() async throws {
        let bench = try BrokerBench()
        let broker = try await guarded(bench)
        let (told, _) = try await controller(of: broker, bench)
        let device = try bench.device("press-4", of: broker)
        let other = try bench.device("press-5", of: broker)
        await device.connect()
        await other.connect()
        for index in 0..<500 { device.publish("martlet/v1/trust/\(index)", "forged") }
        await eventually("all are refused") { device.entries.count { $0.hasPrefix("refused ") } == 500 }
        other.publish("martlet/v1/trust/roles", "forged")
        await eventually("another is told of at once") { told.all.contains { $0?.identity == "press-5" } }
        #expect(told.all.count { $0?.identity == "press-4" } == 5)
        let log = try String(contentsOfFile: broker.logFile, encoding: .utf8)
        #expect(log.split(separator: "\n").count { $0.contains("martlet-guard") } == 6)
        await broker.stop()
    }

    @Test("nobody but the guard publishes to its topic: no device, and not the controller")
    func forgery() async throws {
        let bench = try BrokerBench()
        let broker = try await guarded(bench)
        let (told, controller) = try await controller(of: broker, bench)
        let device = try bench.device("press-4", of: broker)
        await device.connect(subscribing: ["martlet/v1/release/#"])
        let forged = AccessRefusal(kind: .connect, identity: "press-5", clientID: "x", address: "y", topic: "")
        device.client.publish(topic: Self.refused, payload: forged.encoded(), qos: .atLeastOnce)
        controller.publish(topic: Self.refused, payload: forged.encoded(), qos: .atLeastOnce)
        device.client.subscribe([Self.refused, "$share/g/martlet/v1/#", "#", "martlet/v1/+/#"], qos: .atLeastOnce)
        await eventually("both are told, and the subscriptions") { told.all.count >= 6 }
        #expect(told.all.allSatisfy { $0 != nil && $0?.identity != "press-5" })
        #expect(told.all.contains { $0?.identity == FleetPKI.controllerName && $0?.kind == .publish })
        #expect(told.all.count { $0?.kind == .subscribe } == 4)
        await broker.stop()
    }

    @Test("a device may open a map, a page and a chunk, and no more of the blobs at once; the controller may")
    func wideSubscriptions() async throws {
        let bench = try BrokerBench()
        let broker = try await guarded(bench)
        let (told, controller) = try await controller(of: broker, bench)
        let device = try bench.device("press-4", of: broker)
        await device.connect()
        let blob = "martlet/v1/blob/" + String(repeating: "a", count: 64)
        let narrow = ["\(blob)/m", "\(blob)/c/0/+", "\(blob)/c/0/7"]
        let wide = ["martlet/v1/blob/#", "martlet/v1/blob/+/m", "\(blob)/#", "\(blob)/c/+/+", "$share/g/\(blob)/c/+/7"]
        controller.publish(topic: "\(blob)/c/0/7", payload: [1], qos: .atLeastOnce, retain: true)
        controller.subscribe(wide, qos: .atMostOnce)
        await eventually("the controller reads all blobs") { told.chunks.withLock { $0 } >= 1 }
        device.client.subscribe(narrow, qos: .atMostOnce)
        device.client.subscribe(wide, qos: .atMostOnce)
        await eventually("all are told") { told.all.count >= wide.count }
        await eventually("the device reads its page") { device.saw("\(blob)/c/0/7=\u{1}") }
        #expect(told.all.allSatisfy { $0?.kind == .subscribe && $0?.identity == "press-4" })
        #expect(Set(told.all.compactMap { $0?.topic }) == Set(wide))
        await broker.stop()
    }

    @Test("a thief of a client id is turned away and its owner notices nothing; the doctor is let in beside the agent")
    func clientIDs() async throws {
        let bench = try BrokerBench()
        let broker = try await guarded(bench)
        let (told, _) = try await controller(of: broker, bench)
        let victim = try bench.device("victim", of: broker)
        await victim.connect()
        let thief = try bench.device("thief", of: broker, claiming: "victim")
        thief.client.connect()
        await eventually("told") { told.all.contains { $0?.kind == .connect } }
        #expect(told.all.first??.identity == "thief" && told.all.first??.clientID == "victim")
        await eventually("turned away") { thief.disconnections >= 1 }
        #expect(!thief.saw("connected"))
        let doctor = try bench.device("victim", of: broker, claiming: "victim:doctor")
        await doctor.connect()
        #expect(victim.disconnections == 0)
        await broker.stop()
    }

    @Test("when the broker reads its files anew, sessions live on, rules hold, and the revoked stay out")
    func reload() async throws {
        let bench = try BrokerBench()
        let broker = try await guarded(bench)
        let (told, _) = try await controller(of: broker, bench)
        let device = try bench.device("press-4", of: broker)
        await device.connect()
        broker.reload()
        try await Task.sleep(for: .milliseconds(300))
        device.publish("martlet/v1/dev/press-4/up/report", "own")
        device.publish("martlet/v1/dev/press-5/up/report", "foreign")
        await eventually("still refused") { device.saw("refused martlet/v1/dev/press-5/up/report 135") }
        await eventually("still told") { told.all.count == 1 }
        #expect(device.disconnections == 0)
        let certificate = try Certificate(pemFile: bench.folder.appending(path: "devices/press-4/cert.pem").path())
        let provisioner = try bench.provisioner(of: broker)
        try provisioner.revoke(DeviceID("press-4"), serial: certificate.serial)
        try await provisioner.endSession(of: DeviceID("press-4"))
        await eventually("out, and turned away again and again") { device.disconnections >= 3 }
        #expect(device.count("connected") == 1)
        await broker.stop()
    }

    @Test("it is found beside the program, or where packages put it")
    func search() throws {
        let folder = URL(filePath: try GuardPlugin.path.get()).deletingLastPathComponent().path()
        #expect(BrokerGuard.find(in: ["/nowhere", folder]) != nil)
        #expect(BrokerGuard.find(in: ["/nowhere"]) == nil)
    }
}
