public import FleetModel
public import Foundation

/// Everything that a controller needs to know at its start.
public struct ControllerConfiguration: Sendable {
    /// Database, blobs, keys, certificates and the private broker's files.
    public var dataFolder: URL
    public var broker: BrokerMode
    /// Address that the private broker listens on. Default 127.0.0.1.
    public var brokerAddress = "127.0.0.1"
    /// Names or addresses that devices dial, written into their identities (the first one) and into the private
    /// broker's certificate. Default: the broker's own address.
    public var brokerNames: [String] = []
    /// The private broker's guard, which tells of what the broker refuses; nil does without. Default: where it is installed.
    public var guardPlugin = BrokerGuard.find()
    /// What every topic starts with; several fleets may share a broker. Default `martlet/v1/`.
    public var topicPrefix = "martlet/v1/"
    /// Bytes that the broker may retain for blobs: mosquitto keeps them in memory. Default 256 MiB.
    public var retainedBytesLimit = 256 << 20
    /// Bytes of an ONNX model that is pushed; a push takes about seven times as much memory. Default 512 MiB.
    public var modelBytesLimit = 512 << 20
    /// How long a blob stays at the broker after the last release that needs it was retired. Default one day.
    public var retainedGrace = Interval.minutes(24 * 60)
    /// How devices report and sample unless a sampling policy says otherwise.
    public var devicePolicy = DevicePolicy()
    /// Tags by which accuracy and drift are grouped. Default `side`.
    public var groupTags = ["side"]
    /// How often rollouts look at their deadlines and soak times. Default 1 second.
    public var tickInterval = Interval.seconds(1)
    /// Trainers by name: the command that is run with the job folder as its last argument (see docs/trainer.md).
    public var trainers: [String: [String]] = [:]
    /// Names of environment variables that trainers get beside PATH, HOME, TMPDIR and LANG. Default none.
    public var trainerEnvironment: [String] = []
    /// How long a trainer may take before it is stopped. Default six hours.
    public var trainingLimit = Interval.minutes(6 * 60)
    /// How long a trainer that was told to stop (SIGTERM) may take before it is killed (SIGKILL). Default 10 seconds.
    public var trainerGrace = Interval.seconds(10)
    /// The private key that signs the time for devices without a clock. Default `keys/time.pem`.
    public var timeKeyFile: URL
    /// How often the signed time is published; 0 never. Default one hour.
    public var timeInterval = Interval.minutes(60)
    /// The private key that signs what a delegation allows. Default `keys/automation.pem`.
    public var automationKeyFile: URL
    /// The key that frames are sealed with in the database: 64 hexadecimal characters. nil: they lie there in the clear.
    public var frameKeyFile: URL?
    public var webhooks = WebhookLimits()
    public var retention = RetentionLimits()

    public init(dataFolder: URL, broker: BrokerMode = .embedded(port: nil)) {
        self.dataFolder = dataFolder
        self.broker = broker
        let keys = dataFolder.appendingPathComponent("keys", isDirectory: true)
        timeKeyFile = keys.appendingPathComponent("time.pem")
        automationKeyFile = keys.appendingPathComponent("automation.pem")
    }

    var blobFolder: URL { dataFolder.appendingPathComponent("blobs", isDirectory: true) }
    /// Keys of the controller: 0700.
    public var keyFolder: URL { dataFolder.appendingPathComponent("keys", isDirectory: true) }
}

/// Where the broker is.
public enum BrokerMode: Hashable, Sendable {
    /// A private mosquitto below this process; `port` nil takes a free one and remembers it.
    case embedded(port: Int?)
    /// A broker that somebody else runs.
    case external(BrokerEndpoint)
}

/// How to reach a broker.
public struct BrokerEndpoint: Hashable, Sendable {
    /// The controller's own files for mutual TLS, PEM.
    public struct TLS: Hashable, Sendable {
        public var caFile: String
        public var certificateFile: String
        public var keyFile: String

        public init(caFile: String, certificateFile: String, keyFile: String) {
            self.caFile = caFile
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }
    }

    public var host: String
    public var port: Int
    /// The controller's client id and the common name of its certificate.
    public var clientID: String
    /// nil: plain TCP, for tests on loopback.
    public var tls: TLS?

    public init(host: String, port: Int, clientID: String = "martlet-controller", tls: TLS? = nil) {
        self.host = host
        self.port = port
        self.clientID = clientID
        self.tls = tls
    }
}

/// How long what devices sent is kept; nil keeps it for ever.
public struct RetentionLimits: Hashable, Sendable {
    /// Reports. Default 90 days.
    public var reports: Interval? = .days(90)
    /// Samples that nobody annotated and no dataset version holds; the others stay. Default 180 days.
    public var samples: Interval? = .days(180)
    /// Receipts but each device's newest in a slot and those that an open rollout counts. Default 730 days.
    public var receipts: Interval? = .days(730)
    /// Lines of devices' logs. Default 30 days.
    public var deviceLogs: Interval? = .days(30)

    public init() {}
}

/// Bounds on webhook deliveries.
public struct WebhookLimits: Hashable, Sendable {
    /// Attempts before a delivery is given up. Default 8.
    public var attempts = 8
    /// Pause after the first failed attempt; doubles each time. Default 1 second.
    public var firstPause = Interval.seconds(1)
    /// The longest pause. Default 5 minutes.
    public var longestPause = Interval.minutes(5)
    /// How long one attempt may take. Default 10 seconds.
    public var timeout = Interval.seconds(10)

    public init() {}
}
