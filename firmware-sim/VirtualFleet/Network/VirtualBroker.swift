import MQTTTransport
import Sketches

/// An MQTT broker in memory: sessions, retained messages, wills, QoS 0 and 1, wildcards. It keeps the order of messages
/// on one topic between two clients (MQTT 3.1.1, section 4.6) and no other; messages to a session that ends are gone.
final class VirtualBroker {
    private let queue: EventQueue
    private var chance: SeededGenerator
    var weather = Weather()
    private(set) var isUp = true
    private(set) var retained: [String: [UInt8]] = [:]
    /// Retained topics by the topic one level up: pages are asked for this way.
    private var children: [String: Set<String>] = [:]
    /// What the broker's own persistence would bring back.
    private var saved: [String: [UInt8]] = [:]
    private var sessions: [String: BrokerSession] = [:]
    /// Bytes of payload that were sent to clients in sessions that are over.
    private var sentBytes: [String: Int] = [:]
    /// Clients by filter, each in the order of subscribing.
    private var exact: [String: [String]] = [:]
    private var plus: [String: [String]] = [:]
    private var other: [(filter: TopicFilter, client: String)] = [] { didSet { otherMatches.removeAll() } }
    /// Which of `other` match a topic, as far as somebody asked: topics come again and again.
    private var otherMatches: [String: [Int]] = [:]

    init(queue: EventQueue, seed: UInt64) {
        self.queue = queue
        chance = SeededGenerator(seed: seed, name: "broker")
    }

    // MARK: Sessions

    /// Opens a session, ending an older one of the same name; nil while the broker is down.
    func open(
        _ client: String, will: MQTTWill?, weather: Weather? = nil, deliver: @escaping (Delivered) -> Void,
        ended: @escaping () -> Void
    ) -> BrokerSession? {
        guard isUp else { return nil }
        if let older = sessions[client] { end(older, withWill: true) }
        let session = BrokerSession(client: client, will: will, weather: weather, deliver: deliver, ended: ended)
        sessions[client] = session
        return session
    }

    /// Ends a session; its will is published unless the client said goodbye.
    func end(_ session: BrokerSession, withWill: Bool) {
        guard sessions[session.client] === session else { return }
        sessions[session.client] = nil
        session.isOver = true
        sentBytes[session.client, default: 0] += session.sentBytes
        for filter in session.filters.keys { forget(filter, session.client) }
        if withWill, let will = session.will { publish(will.topic, will.payload, retain: will.retain) }
        session.ended()
    }

    // MARK: Subscriptions

    func subscribe(_ session: BrokerSession, _ filter: String, _ qos: QoS) {
        guard !session.isOver else { return }
        if session.filters.updateValue(qos, forKey: filter) == nil { remember(filter, session.client) }
        for topic in retainedTopics(filter) {
            if let payload = retained[topic] { send(topic, payload, to: session, qos, isRetained: true) }
        }
    }

    func unsubscribe(_ session: BrokerSession, _ filter: String) {
        guard session.filters.removeValue(forKey: filter) != nil else { return }
        forget(filter, session.client)
    }

    private func remember(_ filter: String, _ client: String) {
        switch TopicFilter.kind(filter) {
        case .exact: exact[filter, default: []].append(client)
        case .child(let parent): plus[parent, default: []].append(client)
        case .other: other.append((TopicFilter(filter), client))
        }
    }

    private func forget(_ filter: String, _ client: String) {
        switch TopicFilter.kind(filter) {
        case .exact: exact[filter]?.removeAll { $0 == client }
        case .child(let parent): plus[parent]?.removeAll { $0 == client }
        case .other: other.removeAll { $0.client == client && $0.filter.text == filter }
        }
    }

    /// Retained topics that a filter matches, in order.
    func retainedTopics(_ filter: String) -> [String] {
        switch TopicFilter.kind(filter) {
        case .exact: return retained[filter] == nil ? [] : [filter]
        case .child(let parent): return (children[parent] ?? []).sorted()
        case .other:
            guard filter.hasSuffix("/+") else { return retained.keys.filter(TopicFilter(filter).matches).sorted() }
            // There are many topics below a parent, and few parents.
            let parents = TopicFilter(String(filter.dropLast(2)))
            return children.filter { !$0.key.isEmpty && parents.matches($0.key) }.flatMap(\.value).sorted()
        }
    }

    // MARK: Messages

    func publish(_ topic: String, _ payload: [UInt8], retain: Bool) {
        guard isUp else { return }
        if retain { keep(topic, payload) }
        for client in exact[topic] ?? [] { forward(topic, payload, to: client, filter: topic) }
        let parent = TopicFilter.parent(topic)
        for client in plus[parent] ?? [] { forward(topic, payload, to: client, filter: parent + "/+") }
        for index in otherMatches(topic) {
            forward(topic, payload, to: other[index].client, filter: other[index].filter.text)
        }
    }

    private func otherMatches(_ topic: String) -> [Int] {
        if let known = otherMatches[topic] { return known }
        let matches = other.indices.filter { other[$0].filter.matches(topic) }
        otherMatches[topic] = matches
        return matches
    }

    private func keep(_ topic: String, _ payload: [UInt8]) {
        let parent = TopicFilter.parent(topic)
        if payload.isEmpty {
            retained[topic] = nil
            children[parent]?.remove(topic)
        } else if retained.updateValue(payload, forKey: topic) == nil {
            children[parent, default: []].insert(topic)
        }
    }

    private func forward(_ topic: String, _ payload: [UInt8], to client: String, filter: String) {
        guard let session = sessions[client], let qos = session.filters[filter] else { return }
        send(topic, payload, to: session, qos, isRetained: false)
    }

    private func send(_ topic: String, _ payload: [UInt8], to session: BrokerSession, _ qos: QoS, isRetained: Bool) {
        let weather = weather.joined(with: session.weather)
        if qos == .atMostOnce, chance.happens(weather.loss) { return }
        session.sentBytes += payload.count
        let copies = qos == .atLeastOnce && chance.happens(weather.duplication) ? 2 : 1
        for _ in 0..<copies {
            let due = max(queue.now + chance.pick(weather.delay), session.lastArrival[topic] ?? 0)
            session.lastArrival[topic] = due
            let message = Delivered(topic: topic, payload: payload, isRetained: isRetained, qos: qos)
            queue.schedule(at: due) { if !session.isOver { session.deliver(message) } }
        }
    }

    // MARK: Faults

    /// Saves what is retained, as mosquitto does from time to time.
    func save() { saved = retained }

    /// Goes down: every session ends, without wills.
    func goDown() {
        isUp = false
        for session in sessions.values.sorted(by: { $0.client < $1.client }) { end(session, withWill: false) }
    }

    /// Comes back with what it saved, or with nothing.
    func comeUp(withPersistence: Bool) {
        replaceRetained(withPersistence ? saved : [:])
        isUp = true
    }

    /// Loses retained messages without a restart, each with this probability.
    func loseRetained(_ share: Double) {
        replaceRetained(
            retained.filter { _ in true }.sorted { $0.key < $1.key }.reduce(into: [:]) { kept, entry in
                if !chance.happens(share) { kept[entry.key] = entry.value }
            })
    }

    private func replaceRetained(_ messages: [String: [UInt8]]) {
        retained = messages
        children = [:]
        for topic in messages.keys { children[TopicFilter.parent(topic), default: []].insert(topic) }
    }

    /// Changes one retained message's bytes behind everybody's back.
    func damage(_ topic: String) {
        guard var payload = retained[topic], !payload.isEmpty else { return }
        payload[Int(chance.below(UInt64(payload.count)))] ^= 0x04
        retained[topic] = payload
    }

    /// Bytes of payload that were sent to a client so far.
    func bytesSent(to client: String) -> Int { sentBytes[client, default: 0] + (sessions[client]?.sentBytes ?? 0) }

    var retainedBytes: Int { retained.values.reduce(0) { $0 + $1.count } }
}

/// A message on its way to a client.
struct Delivered {
    let topic: String
    let payload: [UInt8]
    let isRetained: Bool
    let qos: QoS
}

/// One client's connection as the broker sees it.
final class BrokerSession {
    let client: String
    let will: MQTTWill?
    /// A network of its own on the client's way.
    let weather: Weather?
    var sentBytes = 0
    let deliver: (Delivered) -> Void
    let ended: () -> Void
    var filters: [String: QoS] = [:]
    var lastArrival: [String: Int64] = [:]
    var isOver = false

    init(
        client: String, will: MQTTWill?, weather: Weather?, deliver: @escaping (Delivered) -> Void,
        ended: @escaping () -> Void
    ) {
        self.client = client
        self.will = will
        self.weather = weather
        self.deliver = deliver
        self.ended = ended
    }
}

/// A subscription filter of MQTT (section 4.7): `+` for one level, `#` at the end for all below. Levels are compared byte
/// by byte, as the standard wants it.
struct TopicFilter {
    let text: String
    /// What every topic that matches begins with.
    private let beginning: Substring.UTF8View
    private let levels: [Level]

    private enum Level {
        case any
        case rest
        case named(Substring.UTF8View)
    }

    init(_ text: String) {
        self.text = text
        beginning = text.utf8.prefix { $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "#") }
        levels = text.utf8.split(separator: Self.slash, omittingEmptySubsequences: false).map { level in
            switch Substring(level) {
            case "+": .any
            case "#": .rest
            default: .named(level)
            }
        }
    }

    func matches(_ topic: String) -> Bool {
        guard topic.utf8.starts(with: beginning) else { return false }
        var rest = topic.utf8[...]
        for (index, level) in levels.enumerated() {
            if case .rest = level { return true }
            let end = rest.firstIndex(of: Self.slash) ?? rest.endIndex
            if case .named(let name) = level, !rest[..<end].elementsEqual(name) { return false }
            let isLast = index == levels.count - 1
            guard (end == rest.endIndex) == isLast else { return false }
            if !isLast { rest = rest[rest.index(after: end)...] }
        }
        return true
    }

    private static let slash = UInt8(ascii: "/")

    enum Kind {
        case exact
        case child(of: String)
        case other
    }

    /// How a filter is best looked up.
    static func kind(_ filter: String) -> Kind {
        guard filter.utf8.contains(UInt8(ascii: "+")) || filter.utf8.contains(UInt8(ascii: "#")) else { return .exact }
        if filter.hasSuffix("/+") {
            let parent = filter.dropLast(2)
            if !parent.utf8.contains(UInt8(ascii: "+")) { return .child(of: String(parent)) }
        }
        return .other
    }

    static func parent(_ topic: String) -> String {
        topic.utf8.lastIndex(of: slash).map { String(topic[..<$0]) } ?? ""
    }
}
