/// What happens to a client, told on the loop's thread.
public enum MQTTEvent {
    /// The broker accepted the connection. Subscriptions are renewed by the client itself.
    case connected(sessionPresent: Bool)
    /// The connection is gone, or an attempt failed. `nil`: the client will not try again (it was told to stop).
    case disconnected(reason: String, willRetryInMilliseconds: Int64?)
    /// A message arrived. QoS 1 messages may arrive twice, above all after a reconnect.
    case message(MQTTMessage)
    /// The broker granted these subscriptions.
    case subscribed([String])
    /// The broker refused a publish or a subscription.
    case refused(topic: String, reason: MQTTReason)
}

/// One received message.
public struct MQTTMessage {
    private enum Name {
        case text(String)
        case bytes(UnsafeRawBufferPointer)
    }

    private let name: Name
    /// The payload, **valid only while the handler runs**: use `bytes` for a copy that may be kept.
    public let payload: UnsafeRawBufferPointer
    /// True when the broker kept this message for late subscribers.
    public let retained: Bool
    public let qos: QoS

    package init(topic: String, payload: UnsafeRawBufferPointer, retained: Bool, qos: QoS) {
        self.init(.text(topic), payload, retained, qos)
    }

    /// The topic's bytes live as long as the payload's.
    init(topicBytes: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer, retained: Bool, qos: QoS) {
        self.init(.bytes(topicBytes), payload, retained, qos)
    }

    private init(_ name: Name, _ payload: UnsafeRawBufferPointer, _ retained: Bool, _ qos: QoS) {
        self.name = name
        self.payload = payload
        self.retained = retained
        self.qos = qos
    }

    /// The topic, **only while the handler runs**, as a string of its own.
    public var topic: String {
        switch name {
        case .text(let text): text
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        }
    }

    /// Reads the topic where it lies: no memory is asked for, since every chunk that comes passes here.
    public func withTopic<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        switch name {
        case .text(var text): text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
        case .bytes(let bytes): body(bytes)
        }
    }

    /// A copy of the payload.
    public var bytes: [UInt8] { [UInt8](payload) }
}

/// Why a broker refused something: an MQTT 5 reason code (MQTT 5.0, section 2.4), or a return code of 3.1.1.
public struct MQTTReason: Sendable, Equatable, CustomStringConvertible {
    public let code: UInt8
    public let text: String

    public init(code: UInt8, text: String) {
        self.code = code
        self.text = text
    }

    /// 0x87, which access rules answer with.
    public static let notAuthorizedCode: UInt8 = 0x87
    /// 0x84: the broker does not speak this version of MQTT.
    static let unsupportedVersionCode: UInt8 = 0x84
    /// 0x80, "unspecified": used when the library refused before the broker was asked.
    static let localCode: UInt8 = 0x80

    public var description: String { "\(text) (\(code))" }

    /// Whether an answer to CONNECT is about who asks, and not about the broker or the moment: client id, user name,
    /// authorisation, ban or method (MQTT 5.0, 3.2.2.2; MQTT 3.1.1, 3.2.2.3).
    static func isAboutClient(_ code: Int32, protocolLevel: Int) -> Bool {
        protocolLevel == 5 ? [0x85, 0x86, 0x87, 0x8A, 0x8C].contains(code) : [2, 4, 5].contains(code)
    }
}

/// Which messages may push others aside, most important first.
public enum MQTTPriority: Int, Sendable, CaseIterable {
    /// Acknowledgements, desired state, receipts, presence.
    case control = 0
    /// Reports, samples and logs.
    case telemetry = 1
    /// Chunks of artifacts.
    case bulk = 2
}

/// What became of a published message.
public enum PublishResult: Sendable, Equatable {
    /// QoS 0: written to the socket. Nobody promised anything.
    case sent
    /// QoS 1: the broker took it (PUBACK). With MQTT 3.1.1 mosquitto says so even of messages that it throws away.
    case acknowledged
    /// The broker refused it (MQTT 5), or the library did (too large for the broker, malformed topic).
    case refused(MQTTReason)
    /// It never left.
    case dropped(DropReason)

    /// Why a message never left.
    public enum DropReason: String, Sendable {
        /// The outbox was full of messages at least as important.
        case outboxFull
        /// A more important message took its place in the outbox.
        case displaced
        /// QoS 0, and the connection broke before it was written.
        case connectionLost
        /// The client or its loop was closed first.
        case closed
    }
}

/// Counters of one client since it was made.
public struct MQTTStatistics: Sendable, Equatable {
    public var connections = 0
    public var failedAttempts = 0
    /// Those that the broker ended because of who asked: by its answer, or by a TLS alert about the certificate.
    public var refusedAttempts = 0
    public var messagesReceived = 0
    public var bytesReceived = 0
    public var messagesPublished = 0
    public var bytesPublished = 0
    public var acknowledged = 0
    public var refused = 0
    public var dropped = 0
    /// Messages that wait in the outbox now.
    public var queuedMessages = 0
    public var queuedBytes = 0
    /// QoS 1 messages that were written and not yet acknowledged.
    public var inFlight = 0
    /// 5 or 4 (for 3.1.1) while connected, else 0.
    public var protocolLevel = 0

    public init() {}
}
