import FleetModel
import FleetWire
import MQTTTransport

/// The controller's connection to a broker, as its services need it; tests put another one in its place.
protocol BrokerLink: Sendable {
    var isConnected: Bool { get }
    /// Publishes at QoS 1 and waits for what became of it.
    func publish(_ topic: Topic, _ payload: [UInt8], priority: MQTTPriority) async -> PublishResult
    /// Publishes at QoS 1 without waiting.
    func send(_ topic: Topic, _ payload: [UInt8], priority: MQTTPriority)
    func subscribe(_ filters: [String], qos: QoS)
    func unsubscribe(_ filters: [String])
}

/// What a link tells.
enum LinkEvent: Sendable {
    case connected
    case disconnected(reason: String)
    case refused(topic: String, reason: String)
}

/// `BrokerLink` over MQTT.
final class MQTTLink: BrokerLink {
    private let loop: MQTTLoop
    private let client: MQTTClient
    private let topics: Topics
    private let state: LinkState

    /// - Parameters:
    ///   - onMessage: called on the loop's thread, which must not wait; the message is valid only meanwhile.
    ///   - onEvent: called on the loop's thread.
    init(
        endpoint: BrokerEndpoint, topics: Topics,
        onMessage: @escaping @Sendable (MQTTMessage) -> Void,
        onEvent: @escaping @Sendable (LinkEvent) -> Void
    ) throws {
        self.topics = topics
        let state = LinkState()
        self.state = state
        loop = try MQTTLoop()
        var configuration = MQTTConfiguration(
            host: endpoint.host, port: endpoint.port, clientID: endpoint.clientID,
            tls: endpoint.tls.map {
                MQTTTLS(caFile: $0.caFile, certificateFile: $0.certificateFile, keyFile: $0.keyFile)
            },
            outbox: OutboxLimits(
                messages: 16_384, bytes: 64 << 20, inFlight: 128, bulkInFlight: DeliveryLimits.chunksInFlight),
            seed: UInt64.random(in: 0 ... .max))
        configuration.backoff = BackoffPolicy(firstMilliseconds: 200, maximumMilliseconds: 5000)
        client = try loop.makeClient(configuration) { event in
            switch event {
            case .connected:
                state.set(connected: true)
                onEvent(.connected)
            case .disconnected(let reason, _):
                state.set(connected: false)
                onEvent(.disconnected(reason: reason))
            case .message(let message): onMessage(message)
            case .subscribed: break
            case .refused(let topic, let reason): onEvent(.refused(topic: topic, reason: reason.description))
            }
        }
    }

    /// Starts the loop's thread and connects, again and again.
    func start() {
        loop.start()
        client.subscribe([topics.allUp, topics.refused], qos: .atLeastOnce)
        client.connect()
    }

    /// Says goodbye once the outbox is empty, within a second, and ends the thread.
    func stop() async {
        client.disconnect(flushMilliseconds: 1000)
        for _ in 0..<120 where state.isConnected { try? await Task.sleep(for: .milliseconds(10)) }
        loop.stop()
    }

    var isConnected: Bool { state.isConnected }
    /// Bytes of topics and payloads published since the start.
    var bytesPublished: Int { client.statistics.bytesPublished }

    /// A message that waits for a connection waits no longer than its task lives.
    func publish(_ topic: Topic, _ payload: [UInt8], priority: MQTTPriority) async -> PublishResult {
        let answer = PublishAnswer()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                answer.wait(continuation)
                client.publish(
                    topic: topics.text(topic), payload: payload, qos: .atLeastOnce, retain: topic.isRetained,
                    priority: priority
                ) { answer.give($0) }
            }
        } onCancel: {
            answer.give(.dropped(.closed))
        }
    }

    func send(_ topic: Topic, _ payload: [UInt8], priority: MQTTPriority) {
        client.publish(
            topic: topics.text(topic), payload: payload, qos: .atLeastOnce, retain: topic.isRetained,
            priority: priority)
    }

    func subscribe(_ filters: [String], qos: QoS) { client.subscribe(filters, qos: qos) }
    func unsubscribe(_ filters: [String]) { client.unsubscribe(filters) }
}
