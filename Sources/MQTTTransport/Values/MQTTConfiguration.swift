/// Which revision of MQTT a client speaks.
public enum MQTTProtocol: Sendable, Equatable {
    /// MQTT 5 first; 3.1.1 when the broker does not understand 5.
    case v5WithFallback
    /// MQTT 3.1.1 (OASIS standard 2014) only.
    case v311
}

/// Delivery guarantee of one publish or subscription. Martlet never uses QoS 2: it is exactly-once per hop only, and
/// completeness is proved above MQTT (see rule 5 of ARCHITECTURE.md).
public enum QoS: Int32, Sendable, Equatable {
    case atMostOnce = 0
    case atLeastOnce = 1
}

/// How a client protects its connection: mutual TLS when `certificateFile` and `keyFile` are given.
public struct MQTTTLS: Sendable, Equatable {
    /// PEM file of the authorities that may have signed the broker's certificate.
    public var caFile: String
    /// PEM file of the client's own certificate, or nil for one-sided TLS.
    public var certificateFile: String?
    /// The client's private key, or nil for one-sided TLS: a PEM file, or the URI of a key that a provider of OpenSSL
    /// holds (`KeyLocation`). Such a key is opened anew for each connection, on the loop: a token that is slow holds up
    /// every client of the loop.
    public var keyFile: String?

    public init(caFile: String, certificateFile: String? = nil, keyFile: String? = nil) {
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }
}

/// The last will: what the broker publishes when the client vanishes without saying goodbye.
public struct MQTTWill: Sendable, Equatable {
    public var topic: String
    public var payload: [UInt8]
    public var qos: QoS
    public var retain: Bool

    public init(topic: String, payload: [UInt8], qos: QoS = .atLeastOnce, retain: Bool = true) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
    }
}

/// Everything that a client needs to know before its first connection.
public struct MQTTConfiguration: Sendable {
    /// Name or address of the broker. An address (or `localhost`) is dialled on the loop; a name is resolved on a
    /// thread of its own, so that a slow name server stalls nobody else.
    public var host: String
    /// TCP port, 1…65535.
    public var port: Int
    /// MQTT client id, 1…128 bytes. With Martlet's brokers it equals the certificate's common name.
    public var clientID: String
    /// Default: MQTT 5 with fallback.
    public var version: MQTTProtocol
    /// Seconds between pings on an idle connection, 5…3600. Default 30.
    public var keepAliveSeconds: Int
    /// Default true. With MQTT 5 a session always ends with its connection: libmosquitto cannot ask for a session
    /// expiry without a blocking connect. Martlet's protocol needs no sessions (rule 4: level, not edge).
    public var cleanSession: Bool
    /// TLS, or nil for plain TCP.
    public var tls: MQTTTLS?
    /// Last will, or nil. `MQTTClient.setWill` replaces it for the next connection.
    public var will: MQTTWill?
    /// Limits of the queue in front of the connection.
    public var outbox: OutboxLimits
    /// How long to wait between connection attempts.
    public var backoff: BackoffPolicy
    /// Milliseconds for one attempt (TCP, TLS and CONNACK together), 100…600_000. Default 15_000.
    public var connectTimeoutMilliseconds: Int64
    /// Seed of the reconnect jitter.
    public var seed: UInt64

    public init(
        host: String, port: Int, clientID: String, version: MQTTProtocol = .v5WithFallback, keepAliveSeconds: Int = 30,
        cleanSession: Bool = true, tls: MQTTTLS? = nil, will: MQTTWill? = nil, outbox: OutboxLimits = OutboxLimits(),
        backoff: BackoffPolicy = BackoffPolicy(), connectTimeoutMilliseconds: Int64 = 15_000, seed: UInt64 = 0
    ) {
        self.host = host
        self.port = port
        self.clientID = clientID
        self.version = version
        self.keepAliveSeconds = keepAliveSeconds
        self.cleanSession = cleanSession
        self.tls = tls
        self.will = will
        self.outbox = outbox
        self.backoff = backoff
        self.connectTimeoutMilliseconds = connectTimeoutMilliseconds
        self.seed = seed
    }

    /// Longest client id that is accepted, in bytes.
    public static let maximumClientIDBytes = 128

    func validate() throws(MQTTError) {
        func require(_ condition: Bool, _ message: String) throws(MQTTError) {
            if !condition { throw MQTTError(.invalidConfiguration, message) }
        }
        try require(!host.isEmpty, "host is empty: name the broker, for example 127.0.0.1")
        try require((1...65535).contains(port), "port \(port) is not in 1…65535")
        try require(
            (1...Self.maximumClientIDBytes).contains(clientID.utf8.count),
            "clientID has \(clientID.utf8.count) bytes, not 1…\(Self.maximumClientIDBytes)")
        try require((5...3600).contains(keepAliveSeconds), "keepAliveSeconds \(keepAliveSeconds) is not in 5…3600")
        try require(
            (100...600_000).contains(connectTimeoutMilliseconds),
            "connectTimeoutMilliseconds \(connectTimeoutMilliseconds) is not in 100…600000")
        try require(
            (tls?.certificateFile == nil) == (tls?.keyFile == nil),
            "tls needs certificateFile and keyFile together, or neither")
        try backoff.validate()
        try outbox.validate()
    }
}
