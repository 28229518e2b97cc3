import AsyncHTTPClient
import BuiltPrograms
import DeviceHost
import FleetClient
import FleetConsole
import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import Logging
import MQTTTransport
import Synchronization
import Testing

@testable import FleetController
@testable import VirtualFleet

/// A fleet that runs its first release behind a guarded broker, somebody who holds broker and controller and says what
/// they like, and an operator who looks at the HTTP API.
struct AttackScene: Sendable {
    let site: TrustSite
    let victim: SiteDevice
    let first: ReleaseName
    let log: LogLines
    /// Of the controller's HTTP API.
    let url: String
    private let api: FleetClient
    let loop: MQTTLoop
    private let intruder: MQTTClient

    static func run(_ body: @escaping @Sendable (AttackScene) async throws -> Void) async throws {
        let log = LogLines()
        try await TrustSite.run(guardPlugin: GuardPlugin.path.get(), logger: Logger(label: "test") { _ in log }) {
            site in
            let victim = try await site.device("victim")
            try victim.start()
            try await site.install(site.roles(1))
            let first = try await site.release("first", gain: 1)
            _ = try await site.rollOut(first)
            try await TrustSite.eventually("the first runs") { try await victim.status?.phase == .committed }
            try await withAPI(of: site.controller) { url, api in
                let loop = try MQTTLoop()
                loop.start()
                defer { loop.stop() }
                // The guard lets a second session in under this name, so that the controller keeps its own.
                let intruder = try client(
                    loop, site, id: "martlet-controller:doctor", identity: site.folder.appending(path: "pki"),
                    files: ("controller.pem", "controller.key"))
                intruder.connect()
                try await body(
                    AttackScene(
                        site: site, victim: victim, first: first, log: log, url: url, api: api, loop: loop,
                        intruder: intruder))
                intruder.disconnect(flushMilliseconds: 0)
            }
            await victim.stop()
        }
    }

    private static func withAPI(
        of controller: FleetController, _ body: (String, FleetClient) async throws -> Void
    ) async throws {
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let server = try ConsoleServer(
            controller: controller, configuration: ConsoleConfiguration(port: 0), logger: TrustSite.quiet,
            onListening: { port.yield($0) })
        let serving = Task { try await server.run() }
        defer { serving.cancel() }
        let bound = try #require(await ports.first { _ in true })
        let token = try await controller.tokens.create(identity: "eve", role: .viewer, by: TrustSite.admin)
        let http = try FleetClient.pool(authorityFile: nil)
        let url = "http://127.0.0.1:\(bound)"
        do { try await body(url, FleetClient(url: "\(url)/", token: token.text, http: http)) } catch {
            try await http.shutdown()
            throw error
        }
        try await http.shutdown()
    }

    static func client(
        _ loop: MQTTLoop, _ site: TrustSite, id: String, identity: URL,
        files: (String, String) = ("cert.pem", "key.pem"),
        will: MQTTWill? = nil, _ handler: @escaping @Sendable (MQTTEvent) -> Void = { _ in }
    ) throws -> MQTTClient {
        let endpoint = try #require(site.broker.endpoint)
        let tls = MQTTTLS(
            caFile: site.folder.appending(path: "pki/ca.pem").path(),
            certificateFile: identity.appending(path: files.0).path(), keyFile: identity.appending(path: files.1).path()
        )
        var configuration = MQTTConfiguration(host: endpoint.host, port: endpoint.port, clientID: id, tls: tls)
        configuration.will = will
        return try loop.makeClient(configuration, handler: handler)
    }

    // MARK: What attackers do

    func publish(_ topic: Topic, _ payload: [UInt8]) {
        intruder.publish(topic: topic.text, payload: payload, qos: .atLeastOnce, retain: topic.isRetained)
    }

    /// A release like the first with changes, signed by whom one likes, and wanted on the victim.
    func demand(
        by keys: [SigningKey], within deadline: Interval = .minutes(5), _ change: (inout ReleaseManifest) -> Void
    ) async throws {
        var manifest = try await site.controller.releases.get(first).manifest
        manifest.name = try ReleaseName("forged")
        change(&manifest)
        var message = COSESign(payload: manifest.encoded())
        for key in keys { try message.sign(.release, keyID: key.keyID, using: key.sign) }
        let digest = SHA256.hash(message.encoded())
        publish(.release(digest), message.encoded())
        let slot = DesiredSlot(
            slot: .main, release: digest, activation: .now, deadline: Instant.now().advanced(by: deadline), sources: [])
        publish(.desired(victim.id), Desired(generation: 1000, slots: [slot], policy: DevicePolicy()).encoded())
    }

    /// The same of an image that is not there, and that the fleet's people signed.
    func demandImage(_ image: [UInt8], within deadline: Interval = .seconds(3)) async throws {
        try await demand(by: site.people, within: deadline) { manifest in
            manifest.counter += 1
            manifest.parts[0].image.digest = SHA256.hash(image)
            manifest.parts[0].image.bytes = image.count
        }
    }

    /// The map of `bytes` under the name of `image`.
    func publishMap(of bytes: [UInt8], as image: [UInt8], chunks: [[UInt8]]? = nil) {
        let size = 128
        let own = stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<min($0 + size, bytes.count)]) }
        let map = BlobMap(
            bytes: bytes.count, chunkBytes: size, pageChunks: 2, codec: .raw, image: SHA256.hash(image),
            imageBytes: image.count, base: nil, chunks: ChunkDigests(own.map { SHA256.hash($0) }))
        for (index, chunk) in (chunks ?? own).enumerated() {
            publish(map.topic(ofChunk: index, in: SHA256.hash(image)), chunk)
        }
        publish(.blobMap(SHA256.hash(image)), map.encoded())
    }

    /// Somebody with the identity of a device that is theirs.
    func thief(
        as id: String = "thief", will: MQTTWill? = nil, _ handler: @escaping @Sendable (MQTTEvent) -> Void = { _ in }
    ) async throws -> MQTTClient {
        _ = try await site.device("thief")
        return try Self.client(
            loop, site, id: id, identity: site.folder.appending(path: "devices/thief"), will: will, handler)
    }

    /// Somebody at the broker's port without TLS.
    func stranger() throws -> MQTTClient {
        let endpoint = try #require(site.broker.endpoint)
        return try loop.makeClient(
            MQTTConfiguration(host: endpoint.host, port: endpoint.port, clientID: "victim")
        ) { _ in }
    }

    // MARK: What the operator sees

    /// The API shows an open alert, and the controller's log has a line.
    func expectAlert(
        _ kind: AlertKind, about subject: String, _ text: String, logged line: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await TrustSite.eventually("an alert: \(text)", seconds: 60, sourceLocation: sourceLocation) {
            try await api.all("/api/v1/alerts", query: [("state", "open"), ("kind", kind.rawValue)]).contains { alert in
                let title = alert["title"].string ?? ""
                return alert["subject"].string == subject && title.contains(text) && alert["action"].string != ""
            }
        }
        #expect(log.lines.contains { $0.contains(line) }, "not logged: \(line)", sourceLocation: sourceLocation)
    }

    /// What it ran goes on running.
    func expectChampion(_ location: SourceLocation = #_sourceLocation) async throws {
        let number = try await victim.status?.serving?.number
        #expect(number == 1, sourceLocation: location)
    }

    /// The broker's own log.
    var brokerLog: String { (try? String(contentsOfFile: site.broker.logFile, encoding: .utf8)) ?? "" }
}

/// Keeps what is logged.
struct LogLines: LogHandler {
    private final class Store: Sendable { let lines = Mutex<[String]>([]) }
    private let store = Store()
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    var lines: [String] { store.lines.withLock { $0 } }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let details = (event.metadata ?? [:]).map { " \($0)=\($1)" }.sorted().joined()
        store.lines.withLock { $0.append("\(event.level) \(event.message)\(details)") }
    }
}
