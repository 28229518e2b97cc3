/// Limits of the queue between the application and the connection.
public struct OutboxLimits: Sendable, Equatable {
    /// Messages that may wait, 1…1_000_000. Default 1,024.
    public var messages: Int
    /// Bytes (topics and payloads) that may wait, 1…2³⁰. Default 8 MiB.
    public var bytes: Int
    /// QoS 1 messages written but not yet acknowledged, 1…65_535. Default 20, as mosquitto's `max_inflight_messages`.
    public var inFlight: Int
    /// How many of `inFlight` bulk messages may take, so that control messages never queue behind chunks. Default 16.
    public var bulkInFlight: Int

    public init(messages: Int = 1024, bytes: Int = 8 << 20, inFlight: Int = 20, bulkInFlight: Int = 16) {
        self.messages = messages
        self.bytes = bytes
        self.inFlight = inFlight
        self.bulkInFlight = bulkInFlight
    }

    func validate() throws(MQTTError) {
        guard (1...1_000_000).contains(messages), (1...(1 << 30)).contains(bytes), (1...65_535).contains(inFlight),
            (1...inFlight).contains(bulkInFlight)
        else {
            throw MQTTError(
                .invalidConfiguration,
                "outbox limits \(self): messages 1…1000000, bytes 1…2³⁰, inFlight 1…65535, bulkInFlight 1…inFlight")
        }
    }
}

/// A message on its way out.
struct OutgoingMessage: Sendable {
    var topic: String
    var payload: [UInt8]
    var qos: QoS
    var retain: Bool
    var priority: MQTTPriority
    var completion: (@Sendable (PublishResult) -> Void)?

    var cost: Int { topic.utf8.count + payload.count }
}

/// The bounded queue of one client: first in, first out within a priority, more important ones first.
///
/// Overflow: a message that does not fit pushes out the oldest of the least important messages, but only of those less
/// important than itself; if that makes no room it is refused. So bulk never displaces a report, nothing ever
/// displaces a control message, and an application always learns what became of its message.
struct Outbox: Sendable {
    let limits: OutboxLimits
    private var lanes: [Lane] = MQTTPriority.allCases.map { _ in Lane() }
    private(set) var count = 0
    private(set) var bytes = 0

    init(limits: OutboxLimits) {
        self.limits = limits
    }

    /// What `append` did.
    enum Admission {
        /// It waits now; these had to make room for it.
        case queued(displaced: [OutgoingMessage])
        case refused
    }

    mutating func append(_ message: OutgoingMessage) -> Admission {
        guard roomAfterDisplacing(below: message.priority, for: message.cost) else { return .refused }
        var displaced: [OutgoingMessage] = []
        while count + 1 > limits.messages || bytes + message.cost > limits.bytes {
            guard let victim = dropOldest(below: message.priority) else { return .refused }
            displaced.append(victim)
        }
        lanes[message.priority.rawValue].append(message)
        count += 1
        bytes += message.cost
        return .queued(displaced: displaced)
    }

    /// The next message that may be written, given how many QoS 1 messages are in flight.
    mutating func popNext(inFlight: Int, bulkInFlight: Int) -> OutgoingMessage? {
        for priority in MQTTPriority.allCases {
            guard let head = lanes[priority.rawValue].first else { continue }
            if head.qos == .atLeastOnce {
                if inFlight >= limits.inFlight { continue }
                if priority == .bulk, bulkInFlight >= limits.bulkInFlight { continue }
            }
            return removeFirst(of: priority)
        }
        return nil
    }

    mutating func removeAll() -> [OutgoingMessage] {
        var all: [OutgoingMessage] = []
        for priority in MQTTPriority.allCases {
            while let message = removeFirst(of: priority) { all.append(message) }
        }
        return all
    }

    private func roomAfterDisplacing(below priority: MQTTPriority, for cost: Int) -> Bool {
        let weaker = MQTTPriority.allCases.filter { $0.rawValue > priority.rawValue }
        let freeableCount = weaker.reduce(0) { $0 + lanes[$1.rawValue].count }
        let freeableBytes = weaker.reduce(0) { $0 + lanes[$1.rawValue].bytes }
        return count - freeableCount + 1 <= limits.messages && bytes - freeableBytes + cost <= limits.bytes
    }

    private mutating func dropOldest(below priority: MQTTPriority) -> OutgoingMessage? {
        for weaker in MQTTPriority.allCases.reversed() where weaker.rawValue > priority.rawValue {
            if let message = removeFirst(of: weaker) { return message }
        }
        return nil
    }

    private mutating func removeFirst(of priority: MQTTPriority) -> OutgoingMessage? {
        guard let message = lanes[priority.rawValue].popFirst() else { return nil }
        count -= 1
        bytes -= message.cost
        return message
    }
}

extension Outbox {
    /// A queue in an array: the head moves, and the array is compacted when half of it is behind the head.
    private struct Lane: Sendable {
        private var items: [OutgoingMessage?] = []
        private var head = 0
        private(set) var bytes = 0

        var count: Int { items.count - head }
        var first: OutgoingMessage? { head < items.count ? items[head] : nil }

        mutating func append(_ message: OutgoingMessage) {
            items.append(message)
            bytes += message.cost
        }

        mutating func popFirst() -> OutgoingMessage? {
            guard head < items.count, let message = items[head] else { return nil }
            items[head] = nil
            head += 1
            bytes -= message.cost
            if head == items.count {
                items.removeAll(keepingCapacity: head <= 64)
                head = 0
            } else if head > 32, head * 2 > items.count {
                items.removeFirst(head)
                head = 0
            }
            return message
        }
    }
}
