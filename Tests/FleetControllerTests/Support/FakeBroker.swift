import FleetModel
import FleetWire
import MQTTTransport
import Synchronization

@testable import FleetController

/// A broker in memory: keeps what is retained and shows it to whoever subscribes.
final class FakeBroker: BrokerLink {
    struct Message: Equatable, Sendable {
        var topic: Topic
        var payload: [UInt8]
    }

    private struct State {
        var connected = true
        var published: [Message] = []
        var retained: [Topic: [UInt8]] = [:]
        var inFlight = 0
        var mostInFlight = 0
        var refusesAll = false
        var onRetained: (@Sendable (Topic, [UInt8]) -> Void)?
    }

    private let state = Mutex(State())

    var isConnected: Bool { state.withLock { $0.connected } }
    /// Everything published so far, in order.
    var published: [Message] { state.withLock { $0.published } }
    var retained: [Topic: [UInt8]] { state.withLock { $0.retained } }
    var mostInFlight: Int { state.withLock { $0.mostInFlight } }

    func forgetPublished() { state.withLock { $0.published = [] } }
    func lose(_ topic: Topic) { state.withLock { $0.retained[topic] = nil } }
    func corrupt(_ topic: Topic) { state.withLock { $0.retained[topic] = [0] } }
    func refuseAll(_ refuses: Bool) { state.withLock { $0.refusesAll = refuses } }

    /// Sends retained messages of subscriptions to a service's inbox.
    func show(to inbox: AuditInbox) {
        state.withLock { state in
            state.onRetained = { topic, payload in payload.withUnsafeBytes { inbox.receive(topic, $0) } }
        }
    }

    func publish(_ topic: Topic, _ payload: [UInt8], priority: MQTTPriority) async -> PublishResult {
        let refuses = state.withLock { state in
            state.inFlight += 1
            state.mostInFlight = max(state.mostInFlight, state.inFlight)
            return state.refusesAll
        }
        await Task.yield()
        state.withLock { $0.inFlight -= 1 }
        guard !refuses else { return .dropped(.connectionLost) }
        send(topic, payload, priority: priority)
        return .acknowledged
    }

    func send(_ topic: Topic, _ payload: [UInt8], priority: MQTTPriority) {
        state.withLock { state in
            state.published.append(Message(topic: topic, payload: payload))
            if topic.isRetained { state.retained[topic] = payload.isEmpty ? nil : payload }
        }
    }

    func subscribe(_ filters: [String], qos: QoS) {
        let (show, retained) = state.withLock { ($0.onRetained, $0.retained) }
        for (topic, payload) in retained where filters.contains(where: { Self.matches($0, topic.text) }) {
            show?(topic, payload)
        }
    }

    func unsubscribe(_ filters: [String]) {}

    private static func matches(_ filter: String, _ topic: String) -> Bool {
        let wanted = filter.split(separator: "/")
        let levels = topic.split(separator: "/")
        return wanted.count == levels.count && zip(wanted, levels).allSatisfy { $0 == "+" || $0 == $1 }
    }
}
