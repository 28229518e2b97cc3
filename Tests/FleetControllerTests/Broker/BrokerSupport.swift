import FleetModel
import FleetStore
import Foundation
import Logging
import MQTTTransport
import Synchronization
import Testing

@testable import FleetController

/// A data folder with its keys and a broker, gone with the test.
final class BrokerBench: Sendable {
    let folder: URL
    let pki: FleetPKI
    let loop: MQTTLoop

    /// - Parameter clock: by which certificates are made and judged.
    init(clock: @escaping @Sendable () -> Instant = { Instant.now() }) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "broker-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        pki = try FleetPKI(dataFolder: folder, clock: clock)
        loop = try MQTTLoop()
        loop.start()
    }

    deinit {
        loop.stop()
        let file = BrokerFiles.configurationFile(in: configuration().folder)
        if let left = BrokerProcess.find(configurationFile: file) { kill(left.pid, SIGKILL) }
        try? FileManager.default.removeItem(at: folder)
    }

    func configuration(_ adjust: (inout BrokerConfiguration) -> Void = { _ in }) -> BrokerConfiguration {
        var configuration = BrokerConfiguration(dataFolder: folder)
        adjust(&configuration)
        return configuration
    }

    func broker(_ adjust: (inout BrokerConfiguration) -> Void = { _ in }) throws -> EmbeddedBroker {
        try EmbeddedBroker(configuration: configuration(adjust), pki: pki, logger: Logger(label: "test"))
    }

    /// The controller's own client.
    func controller(of broker: EmbeddedBroker) throws -> Witness {
        let endpoint = try #require(broker.endpoint)
        let tls = try #require(endpoint.tls)
        return try Witness(
            loop: loop, endpoint: endpoint, id: endpoint.clientID,
            tls: MQTTTLS(caFile: tls.caFile, certificateFile: tls.certificateFile, keyFile: tls.keyFile))
    }

    func provisioner(of broker: EmbeddedBroker) throws -> DeviceProvisioner {
        let endpoint = try #require(broker.endpoint)
        return DeviceProvisioner(
            pki: pki, host: endpoint.host, port: endpoint.port, reloadBroker: { broker.reload() })
    }

    /// Provisions a device and connects as it. `claiming` another client id is what a thief would do.
    func device(_ name: String, of broker: EmbeddedBroker, claiming clientID: String? = nil) throws -> Witness {
        let identity = folder.appending(path: "devices/\(name)")
        if !FileManager.default.fileExists(atPath: identity.path()) {
            try provisioner(of: broker).issue(DeviceID(name)).write(to: identity.path())
        }
        func file(_ name: String) -> String { identity.appending(path: name).path() }
        return try Witness(
            loop: loop, endpoint: #require(broker.endpoint), id: clientID ?? name,
            tls: MQTTTLS(caFile: file("ca.pem"), certificateFile: file("cert.pem"), keyFile: file("key.pem")))
    }
}

/// An MQTT client that remembers what it saw.
final class Witness: Sendable {
    let client: MQTTClient
    private let log: Log

    private final class Log: Sendable {
        let entries = Mutex<[String]>([])
    }

    init(loop: MQTTLoop, endpoint: BrokerEndpoint, id: String, tls: MQTTTLS) throws {
        let log = Log()
        let configuration = MQTTConfiguration(
            host: endpoint.host, port: endpoint.port, clientID: id, tls: tls,
            backoff: BackoffPolicy(firstMilliseconds: 50, maximumMilliseconds: 300))
        client = try loop.makeClient(configuration) { event in
            let entry =
                switch event {
                case .connected: "connected"
                case .disconnected(let reason, _): "disconnected: \(reason)"
                case .message(let message): "\(message.topic)=\(String(decoding: message.bytes, as: UTF8.self))"
                case .subscribed(let filters): "subscribed \(filters.joined())"
                case .refused(let topic, let reason): "refused \(topic) \(reason.code)"
                }
            log.entries.withLock { $0.append(entry) }
        }
        self.log = log
    }

    var entries: [String] { log.entries.withLock { $0 } }

    func count(_ entry: String) -> Int { entries.count { $0 == entry } }
    func saw(_ entry: String) -> Bool { entries.contains(entry) }
    var disconnections: Int { entries.count { $0.hasPrefix("disconnected") } }

    func connect(subscribing filters: [String] = []) async {
        client.subscribe(filters, qos: .atLeastOnce)
        client.connect()
        await eventually("connected") { saw("connected") }
        for filter in filters { await eventually("subscribed \(filter)") { saw("subscribed \(filter)") } }
    }

    func publish(_ topic: String, _ text: String, retain: Bool = false) {
        client.publish(topic: topic, payload: Array(text.utf8), qos: .atLeastOnce, retain: retain)
    }
}

/// Waits until `condition` holds; fails the test with `what` if it does not within `seconds`.
func eventually(
    _ what: String, within seconds: Double = 15, at location: SourceLocation = #_sourceLocation, _ condition: () -> Bool
) async {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < deadline {
        if condition() { return }
        try? await Task.sleep(for: .milliseconds(10))
    }
    if !condition() { Issue.record("never happened within \(seconds) s: \(what)", sourceLocation: location) }
}
