import DeviceHost
import MQTTTransport
import Sketches

/// A simulated machine's MQTT client: an outbox, in-flight messages that are sent again after a reconnect, and
/// subscriptions that are renewed, as `MQTTClient` does it.
///
/// `@unchecked Sendable`: a world is worked on by one task at a time.
final class VirtualLink: DeviceLink, @unchecked Sendable {
    private struct Outgoing {
        let number: UInt64
        let topic: String
        let payload: [UInt8]
        let qos: QoS
        let retain: Bool
    }

    private let client: String
    private let queue: EventQueue
    private let broker: VirtualBroker
    private var chance: SeededGenerator
    private let handler: (MQTTEvent) -> Void
    /// A network of its own on this machine's way to the broker.
    private let weather: Weather?
    private var will: MQTTWill?
    private var session: BrokerSession?
    private var filters: [(String, QoS)] = []
    /// Queued and not acknowledged, oldest first.
    private var outbox: [Outgoing] = []
    private var lastArrival: [String: Int64] = [:]
    private var number: UInt64 = 0
    private var wantsConnection = false
    private var isTrying = false
    private var isClosed = false
    /// The network lets nothing through in either direction.
    private(set) var isCutOff = false
    /// Sees every message that the machine hands over.
    var onSent: ((String, [UInt8]) -> Void)?
    /// Without power nothing leaves.
    var isPowered: () -> Bool = { true }
    /// The most that ever waited.
    private(set) var mostQueued = 0

    var isConnected: Bool { session != nil }

    private var conditions: Weather { broker.weather.joined(with: weather) }

    init(
        client: String, will: MQTTWill?, queue: EventQueue, broker: VirtualBroker, seed: UInt64,
        weather: Weather? = nil, handler: @escaping (MQTTEvent) -> Void
    ) {
        self.weather = weather
        self.client = client
        self.will = will
        self.queue = queue
        self.broker = broker
        self.handler = handler
        chance = SeededGenerator(seed: seed, name: client)
    }

    // MARK: Connection

    func connect() {
        wantsConnection = true
        tryToConnect(after: chance.pick(5...50))
    }

    private func tryToConnect(after delay: Int64) {
        guard !isTrying else { return }
        isTrying = true
        queue.schedule(after: delay) { [weak self] in
            guard let self, !isClosed else { return }
            isTrying = false
            guard wantsConnection, session == nil else { return }
            open()
        }
    }

    private func open() {
        let session =
            isCutOff
            ? nil
            : broker.open(
                client, will: will, weather: weather, deliver: { [weak self] in self?.receive($0) },
                ended: { [weak self] in self?.lost() })
        guard let session else {
            handler(.disconnected(reason: "no route to the broker", willRetryInMilliseconds: 1000))
            return tryToConnect(after: chance.pick(500...4000))
        }
        self.session = session
        lastArrival.removeAll(keepingCapacity: true)
        handler(.connected(sessionPresent: false))
        // What the handler asks for comes after the renewed subscriptions and the older messages.
        for (filter, qos) in filters { broker.subscribe(session, filter, qos) }
        for message in outbox { transmit(message) }
    }

    private func lost() {
        guard session != nil else { return }
        session = nil
        outbox.removeAll { $0.qos == .atMostOnce }
        guard !isClosed else { return }
        handler(.disconnected(reason: "connection lost", willRetryInMilliseconds: 1000))
        if wantsConnection { tryToConnect(after: chance.pick(200...3000)) }
    }

    func disconnect(flushMilliseconds: Int64) {
        wantsConnection = false
        guard let session else { return }
        queue.schedule(after: flushMilliseconds) { [broker] in broker.end(session, withWill: false) }
    }

    /// The network between this machine and the broker breaks, or heals.
    func cutOff(_ isCutOff: Bool) {
        self.isCutOff = isCutOff
        if isCutOff { drop() }
    }

    /// The connection breaks; the broker notices and publishes the will.
    func drop() { if let session { broker.end(session, withWill: true) } }

    /// The machine is gone: nothing is heard of this client any more.
    func close() {
        isClosed = true
        drop()
        session = nil
    }

    // MARK: Messages

    func setWill(_ will: MQTTWill?) { self.will = will }

    /// The virtual network has no TLS; devices on it have no certificates to renew.
    func setTLS(_ tls: MQTTTLS) {}

    func subscribe(_ filters: [String], qos: QoS) {
        for filter in filters {
            self.filters.removeAll { $0.0 == filter }
            self.filters.append((filter, qos))
            whenArrived { [broker] session in broker.subscribe(session, filter, qos) }
        }
    }

    func unsubscribe(_ filters: [String]) {
        for filter in filters {
            self.filters.removeAll { $0.0 == filter }
            whenArrived { [broker] session in broker.unsubscribe(session, filter) }
        }
    }

    /// Requests arrive in the order in which they are made.
    private func whenArrived(_ work: @escaping (BrokerSession) -> Void) {
        guard let session else { return }
        let due = max(queue.now + chance.pick(conditions.delay), lastArrival["subscribe"] ?? 0)
        lastArrival["subscribe"] = due
        queue.schedule(at: due) { if !session.isOver { work(session) } }
    }

    func publish(topic: String, payload: [UInt8], qos: QoS, retain: Bool, priority: MQTTPriority) {
        guard !isClosed, isPowered() else { return }
        onSent?(topic, payload)
        number += 1
        let message = Outgoing(number: number, topic: topic, payload: payload, qos: qos, retain: retain)
        outbox.append(message)
        mostQueued = max(mostQueued, outbox.count)
        if session != nil { transmit(message) }
    }

    private func transmit(_ message: Outgoing) {
        guard let session else { return }
        let due = max(queue.now + chance.pick(conditions.delay), lastArrival[message.topic] ?? 0)
        lastArrival[message.topic] = due
        queue.schedule(at: due) { [weak self] in
            guard let self, !session.isOver else { return }
            arrive(message, in: session)
        }
    }

    private func arrive(_ message: Outgoing, in session: BrokerSession) {
        let copies = chance.happens(conditions.duplication) ? 2 : 1
        for _ in 0..<copies { broker.publish(message.topic, message.payload, retain: message.retain) }
        guard message.qos == .atLeastOnce else { return forget(message.number) }
        queue.schedule(after: chance.pick(conditions.delay)) { [weak self] in
            if !session.isOver { self?.forget(message.number) }
        }
    }

    private func forget(_ number: UInt64) { outbox.removeAll { $0.number == number } }

    private func receive(_ message: Delivered) {
        guard !isClosed else { return }
        message.payload.withUnsafeBytes { payload in
            handler(
                .message(
                    MQTTMessage(
                        topic: message.topic, payload: payload, retained: message.isRetained, qos: message.qos)))
        }
    }
}
