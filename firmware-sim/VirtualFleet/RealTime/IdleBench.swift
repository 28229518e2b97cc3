import DeviceHost
import FleetCrypto
import FleetModel
import FleetStore
import Foundation
import Glibc
import MQTTTransport
import Synchronization

/// Many idle devices in one process on a real broker: what each costs in resident memory.
public struct IdleBench: Sendable {
    /// Devices that are measured.
    public var devices: Int
    /// Mutual TLS with an identity for each device.
    public var usesTLS: Bool
    /// Where identities and databases are; removed at the end.
    public var folder: String

    /// A measurement that has not begun.
    public init(devices: Int, usesTLS: Bool, folder: String) {
        self.devices = devices
        self.usesTLS = usesTLS
        self.folder = folder
    }

    /// Most devices of a run: the broker and this process open a few files for each.
    public static let deviceLimit = 6000
    /// Devices that connect before the first look, so that what is needed once is not counted.
    private static let warmUp = 20
    /// Seconds until all must be connected.
    private static let patience = 300
    /// Seconds of idling before the second look, in which CPU time is measured too.
    private static let idleSeconds = 10

    /// What a run measured.
    public struct Result: Codable, Sendable {
        /// Devices that were to connect.
        public var devices: Int
        /// Devices that were connected at the end.
        public var connected: Int
        /// With mutual TLS.
        public var tls: Bool
        /// Resident bytes of the process without the devices.
        public var before: Int
        /// Resident bytes of the process with them.
        public var after: Int
        /// What one device adds.
        public var perDevice: Int
        /// CPU time of the process per second of idling.
        public var idleCPU: Double

        private enum CodingKeys: String, CodingKey {
            case devices, connected, tls
            case before = "rss_before_bytes"
            case after = "rss_after_bytes"
            case perDevice = "rss_per_device_bytes"
            case idleCPU = "idle_cpu_share"
        }
    }

    /// Connects the devices and looks at this process's memory.
    public func run() async throws -> Result {
        let place = URL(filePath: folder).appending(path: "martlet-idle-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: place) }
        let identities = try Identities(folder: place, count: devices + Self.warmUp, usesTLS: usesTLS)
        let broker = try BenchBroker(folder: place, mutual: identities.broker)
        defer { broker.stop() }
        let loop = try MQTTLoop()
        loop.start()
        defer { loop.stop() }
        SharedProcess.keepTrimming(on: loop)
        let counter = ConnectionCounter()
        let first = try identities.hosts(0..<Self.warmUp, port: broker.devicePort, loop, counter)
        try await counter.wait(for: Self.warmUp, seconds: Self.patience)
        let before = Self.residentBytes
        let others = try identities.hosts(
            Self.warmUp..<Self.warmUp + devices, port: broker.devicePort, loop, counter)
        try await counter.wait(for: Self.warmUp + devices, seconds: Self.patience)
        let cpu = Explorer.cpuSeconds
        try await Task.sleep(for: .seconds(Self.idleSeconds))
        let result = Result(
            devices: devices, connected: counter.count - Self.warmUp, tls: usesTLS, before: before,
            after: Self.residentBytes, perDevice: (Self.residentBytes - before) / max(devices, 1),
            idleCPU: (Explorer.cpuSeconds - cpu) / Double(Self.idleSeconds))
        for host in first + others { host.stop() }
        return result
    }

    /// The process's resident set (proc(5), statm).
    private static var residentBytes: Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        let fields = text.split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(getpagesize()) : 0
    }
}

/// Counts devices that have reached the broker.
private final class ConnectionCounter: Sendable {
    private let connected = Mutex<Set<Int>>([])

    var count: Int { connected.withLock { $0.count } }

    func heard(_ device: Int, _ notice: DeviceNotice) {
        switch notice {
        case .connected: connected.withLock { _ = $0.insert(device) }
        case .disconnected: connected.withLock { _ = $0.remove(device) }
        case .phase, .serving, .acknowledged, .gathered, .renewal, .problem: break
        }
    }

    func wait(for wanted: Int, seconds: Int) async throws {
        for _ in 0..<seconds * 10 {
            if count == wanted { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw SimulationError.noBroker("\(wanted - count) of \(wanted) devices did not connect")
    }
}

/// Keys and, under TLS, certificates of one authority for a broker and its devices.
private struct Identities {
    let broker: BenchBroker.MutualTLS?
    private let folder: URL
    private let usesTLS: Bool

    init(folder: URL, count: Int, usesTLS: Bool) throws {
        self.folder = folder
        self.usesTLS = usesTLS
        guard usesTLS else {
            broker = nil
            return
        }
        let validity = CertificateAuthority.Validity(
            from: .epoch, until: Instant.now().advanced(by: .minutes(24 * 60)))
        let authority = try CertificateAuthority.create(name: "bench", validity: validity)
        try authority.write(
            certificateFile: folder.appending(path: "ca.pem").path(), keyFile: folder.appending(path: "ca.key").path())
        let key = try PrivateKey.generate()
        let certificate = try authority.issueServer(
            names: ["127.0.0.1"], commonName: "bench-broker", key: key, validity: validity)
        broker = BenchBroker.MutualTLS(
            authority: folder.appending(path: "ca.pem").path(),
            certificate: folder.appending(path: "broker.pem").path(),
            key: folder.appending(path: "broker.key").path())
        try certificate.write(pemFile: folder.appending(path: "broker.pem").path())
        try key.write(pemFile: folder.appending(path: "broker.key").path())
        for number in 0..<count {
            let key = try PrivateKey.generate()
            let certificate = try authority.issueClient(
                commonName: PullFleet.name(number).text, key: key, validity: validity)
            try certificate.write(pemFile: file(number, "pem"))
            try key.write(pemFile: file(number, "key"))
        }
    }

    private func file(_ number: Int, _ kind: String) -> String {
        folder.appending(path: "\(number).\(kind)").path()
    }

    /// Makes and starts devices; each counts itself when it is connected.
    func hosts(
        _ numbers: Range<Int>, port: Int, _ loop: MQTTLoop, _ counter: ConnectionCounter
    ) throws -> [DeviceHost] {
        let root = try SigningKey.generate()
        return try numbers.map { number in
            let tls = broker.map {
                MQTTTLS(caFile: $0.authority, certificateFile: file(number, "pem"), keyFile: file(number, "key"))
            }
            let host = try DeviceHost(
                configuration: DeviceConfiguration(
                    device: PullFleet.name(number), folder: folder.appending(path: "device-\(number)").path(),
                    brokerHost: "127.0.0.1", brokerPort: port, tls: tls, signingKey: try SigningKey.generate(),
                    rootKey: TrustedKey(id: root.keyID, publicKey: root.publicKey, holder: "root")),
                platform: .sharedProcess(loop: loop)
            ) { counter.heard(number, $0) }
            host.start()
            return host
        }
    }
}
