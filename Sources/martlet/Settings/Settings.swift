import FleetController
import FleetStore
import FleetWire

/// Every key of the controller's configuration. `martlet config list` prints this table.
extension Setting {
    static let data = Setting(
        "data", .path, default: "martlet-data", "The data folder: database, blobs, broker, certificates.")
    static let httpHost = Setting(
        "http.host", .text, default: "127.0.0.1", "Address that the API and the console listen on.")
    static let httpPort = Setting(
        "http.port", .integer(0...65_535), default: "8480", "Port of the API and the console; 0 takes a free one.")
    static let tlsCertificate = Setting(
        "http.tls.certificate", .path, default: "", "PEM certificate chain; with it the API speaks HTTPS.")
    static let tlsKey = Setting("http.tls.key", .path, default: "", "PEM private key of the certificate.")
    static let broker = Setting(
        "broker.mode", .choice(["embedded", "external"]), default: "embedded",
        "A private mosquitto that the controller runs, or a broker of yours.")
    static let brokerHost = Setting(
        "broker.host", .text, default: "127.0.0.1",
        "Address that the private broker listens on, or an external broker's.")
    static let brokerNames = Setting(
        "broker.names", .list, default: "",
        "Names that devices reach the broker at, the first in their identities (default: broker.host).")
    static let brokerPort = Setting(
        "broker.port", .integer(0...65_535), default: "0", "The broker's TLS port; 0 takes a free one and remembers it."
    )
    static let brokerAuthority = Setting(
        "broker.tls.authority", .path, default: "", "PEM authority of an external broker's certificate.")
    static let brokerCertificate = Setting(
        "broker.tls.certificate", .path, default: "", "PEM certificate of the controller at an external broker.")
    static let brokerKey = Setting("broker.tls.key", .path, default: "", "PEM private key of that certificate.")
    static let initKeys = Setting(
        "trust.init_keys", .list, default: "", "Release keys to make on an empty data folder, one per person.")
    static let threshold = Setting(
        "trust.threshold", .integer(1...16), default: "2", "Distinct release keys that must sign a release.")
    static let root = Setting(
        "trust.root", .path, default: "",
        "Card of an offline root (martlet key create --kind root) to pin on an empty data folder; else one is made here."
    )
    static let timeKey = Setting(
        "trust.time_key", .path, default: "",
        "Private key that signs the time (default: keys/time.pem of the data folder).")
    static let timeSeconds = Setting(
        "trust.time_seconds", .integer(0...86_400), default: "3600",
        "Seconds between signed times for devices without a clock; 0 publishes none.")
    static let automationKey = Setting(
        "trust.automation_key", .path, default: "",
        "Private key that signs what a delegation allows (default: keys/automation.pem of the data folder).")
    static let reportSeconds = Setting(
        "devices.report_interval", .integer(1...86_400), default: "60", "Seconds between a device's reports.")
    static let groupBy = Setting(
        "monitoring.group_by", .list, default: "group", "Tags whose values are the groups of drift and accuracy.")
    static let retainedBytes = Setting(
        "delivery.retained_bytes", .integer(1_048_576...2_147_483_648), default: "268435456",
        "Most bytes of blobs that the broker keeps retained; what is past it is sent to each device that asks.")
    static let modelBytes = Setting(
        ControllerLimits.modelBytesSetting, .integer(1_048_576...ControllerLimits.modelBytes), default: "536870912",
        "Most bytes of an ONNX model that is pushed; a push takes about seven times as much memory.")
    static let trainers = Setting(
        "training.trainers", .list, default: "", "Trainers beside the built-in one, each name=command.")
    /// How long a trainer may take.
    static let trainingLimit = Setting(
        "training.time_limit", .integer(1...2_592_000), default: "21600",
        "Seconds that a trainer may take; then it gets SIGTERM, and SIGKILL 10 s later.")
    static let trainerEnvironment = Setting(
        "training.environment", .list, default: "",
        "Environment variables that trainers get beside PATH, HOME, TMPDIR and LANG, by name.")
    static let reportDays = Setting(
        "retention.reports", .integer(0...36_500), default: "90", "Days that reports are kept; 0 is for ever.")
    static let frameKey = Setting(
        "samples.frame_key", .path, default: "",
        "File of 64 hexadecimal characters: seals frames in the database, and is needed for good from then on.")
    static let sampleDays = Setting(
        "retention.samples", .integer(0...36_500), default: "180",
        "Days that samples are kept that nobody annotated and no dataset version holds; 0 is for ever.")
    static let receiptDays = Setting(
        "retention.receipts", .integer(0...36_500), default: "730",
        "Days that receipts are kept, but each device's newest and those of open rollouts; 0 is for ever.")
    static let deviceLogDays = Setting(
        "retention.device_logs", .integer(0...36_500), default: "30",
        "Days that lines of devices' logs are kept, the newest \(DeviceLog.linesKept) of each; 0 is for ever.")
    static let logLevel = Setting(
        "log.level", .choice(["trace", "debug", "info", "notice", "warning", "error"]), default: "info",
        "Least severe level that is logged.")
}

/// The table.
enum Settings {
    static let all: [Setting] = [
        .data, .httpHost, .httpPort, .tlsCertificate, .tlsKey, .broker, .brokerHost, .brokerNames, .brokerPort,
        .brokerAuthority,
        .brokerCertificate, .brokerKey, .initKeys, .threshold, .root, .timeKey, .timeSeconds, .automationKey,
        .reportSeconds, .groupBy, .retainedBytes, .modelBytes, .trainers,
        .trainingLimit, .trainerEnvironment, .frameKey, .reportDays, .sampleDays, .receiptDays, .deviceLogDays,
        .logLevel,
    ]
}
