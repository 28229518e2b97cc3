import FleetController
import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB
import Logging
import MQTTTransport
import Sketches
import Synchronization
import Testing

/// A controller on a real private mosquitto, and a device that speaks the protocol by hand.
@Suite("The controller on a real broker", .serialized)
struct ControllerOnBrokerTests {
    private static let alice = Identity(name: "alice", role: .operator)

    @Test(
        "a device gets its desired document, is heard, acknowledged after the commit, and found again after a restart")
    func conversation() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "controller-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let issued = try await serve(folder) { controller in
            try await controller.devices.provision(DeviceRequest(id: try DeviceID("d1")), by: Self.alice)
        }
        let device = try HandDevice(id: try DeviceID("d1"), identity: issued, folder: folder)
        defer { device.stop() }
        // The second run is a new process as far as anybody can tell: the port must be the same one.
        try await serve(folder) { controller in
            device.connect()
            let desired = try await device.next(.desired(device.id))
            #expect(try Desired(decoding: desired).generation == 1)
            device.send(.presence(device.id), device.presence.encoded())
            try await eventually { try await controller.store.queries.deviceCounts().online == 1 }
            device.send(.report(device.id), [0xFF])
            try await eventually { try await controller.store.queries.openAlerts()[.ingest] == 1 }
            #expect(try await controller.bytesPublished() >= 0)
        }
    }

    @Test("a second controller on the same data folder is refused")
    func lock() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "controller-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try await serve(folder) { controller in
            let error = await #expect(throws: ControllerError.self) {
                _ = try await FleetController.open(configuration: controller.configuration, logger: Self.quiet)
            }
            #expect(error?.code == .conflict)
        }
    }

    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Opens a controller, runs it beside the body and stops both.
    @discardableResult
    private func serve<Value: Sendable>(
        _ folder: URL, _ body: @escaping @Sendable (FleetController) async throws -> Value
    ) async throws -> Value {
        let controller = try await FleetController.open(
            configuration: ControllerConfiguration(dataFolder: folder), logger: Self.quiet)
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                try await controller.run()
                return nil
            }
            let value = try await body(controller)
            group.cancelAll()
            while try await group.next() != nil {}
            try controller.store.close()
            return value
        }
    }

    private func eventually(_ condition: () async throws -> Bool) async throws {
        for _ in 0..<500 {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        Issue.record("it did not happen within ten seconds")
    }
}

/// A device without an agent: its identity, a client and the messages that came.
private final class HandDevice: Sendable {
    let id: DeviceID
    let presence: Presence
    private let loop: MQTTLoop
    private let client: MQTTClient
    private let inbox: Inbox

    private final class Inbox: Sendable {
        let messages = Mutex<[(topic: String, payload: [UInt8])]>([])
    }

    init(id: DeviceID, identity: IssuedIdentity, folder: URL) throws {
        self.id = id
        presence = Presence(
            online: true, boot: "0123456789abcdef", session: 1,
            facts: DeviceFacts(
                hardware: "x86_64-generic", agentVersion: "1.0.0", runtimeVersion: "1.0.0", instructionSet: "baseline",
                capabilities: []), images: [])
        let place = folder.appending(path: "device-\(id)")
        try identity.write(to: place.path())
        var settings: [String: String] = [:]
        for line in (identity.files["device.conf"] ?? "").split(separator: "\n") {
            let parts = line.split(separator: "=").map { $0.trimmingCharacters(in: .whitespaces) }
            if parts.count == 2 { settings[parts[0]] = parts[1] }
        }
        let inbox = Inbox()
        self.inbox = inbox
        loop = try MQTTLoop()
        client = try loop.makeClient(
            MQTTConfiguration(
                host: try #require(settings["broker_host"]), port: try #require(Int(settings["broker_port"] ?? "")),
                clientID: id.text,
                tls: MQTTTLS(
                    caFile: place.appending(path: "ca.pem").path(),
                    certificateFile: place.appending(path: "cert.pem").path(),
                    keyFile: place.appending(path: "key.pem").path()))
        ) { event in
            guard case .message(let message) = event else { return }
            inbox.messages.withLock { $0.append((message.topic, message.bytes)) }
        }
        loop.start()
        client.subscribe([Topics().down(id)], qos: .atLeastOnce)
    }

    func connect() { client.connect() }

    func send(_ topic: Topic, _ payload: [UInt8]) {
        client.publish(topic: topic.text, payload: payload, qos: .atLeastOnce, retain: topic.isRetained)
    }

    /// The next message on a topic, waited for at most ten seconds.
    func next(_ topic: Topic) async throws -> [UInt8] {
        for _ in 0..<500 {
            let found = inbox.messages.withLock { messages -> [UInt8]? in
                guard let index = messages.firstIndex(where: { $0.topic == topic.text }) else { return nil }
                return messages.remove(at: index).payload
            }
            if let found { return found }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw ControllerError(.unavailable, "nothing came on \(topic.text)")
    }

    func stop() {
        client.disconnect(flushMilliseconds: 0)
        loop.stop()
    }
}
