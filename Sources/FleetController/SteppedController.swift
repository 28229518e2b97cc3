package import FleetModel
package import FleetStore
package import FleetWire
import Foundation
import GRDB
package import Logging
import MQTTTransport
import Synchronization

/// A controller whose loops somebody else turns: the same ingest, delivery and rollouts as `FleetController.run`, one
/// step at a time, for a simulation that owns clock, disk and network.
package final class SteppedController: Sendable {
    package let rollouts: RolloutService
    private let context: ControllerContext
    private let ingest: IngestService
    private let delivery: DeliveryService
    private let fetches: FetchService
    private let deltas: DeltaService
    private let drift: DriftMonitor
    private let topics: Topics
    private let due: SharedFlag

    /// Bytes of a chunk of a difference: differences between small images still come in many.
    private static let deltaChunk = 16

    /// What the controller does to its broker.
    package struct Network: Sendable {
        package var isConnected: @Sendable () -> Bool
        /// Publishes at QoS 1; false if the broker did not take it.
        package var publish: @Sendable (Topic, [UInt8]) -> Bool
        /// Gives every retained message that a filter matches, at once.
        package var retained: @Sendable (_ filters: [String]) -> [(topic: String, payload: [UInt8])]

        package init(
            isConnected: @escaping @Sendable () -> Bool, publish: @escaping @Sendable (Topic, [UInt8]) -> Bool,
            retained: @escaping @Sendable ([String]) -> [(topic: String, payload: [UInt8])]
        ) {
            self.isConnected = isConnected
            self.publish = publish
            self.retained = retained
        }
    }

    package init(
        configuration: ControllerConfiguration, store: FleetStore, blobs: BlobStore, network: Network,
        logger: Logger, bugs: PlantedBugs, now: @escaping @Sendable () -> Instant
    ) {
        context = ControllerContext(
            configuration: configuration, store: store, blobs: blobs, events: EventHub(), logger: logger, now: now,
            bugs: bugs, isStepped: true)
        topics = Topics(prefix: configuration.topicPrefix)
        let link = SteppedLink(network: network, topics: topics)
        let due = SharedFlag()
        let delivery = DeliveryService(context: context, link: link, wakeup: Wakeup(), auditSilence: .zero)
        link.attach(delivery.inbox)
        self.delivery = delivery
        let drift = DriftMonitor(context: context)
        self.drift = drift
        fetches = FetchService(delivery: delivery, logger: logger)
        deltas = DeltaService(context: context, chunkBytes: Self.deltaChunk, made: { due.set() })
        ingest = IngestService(
            context: context, send: { topic, payload in _ = network.publish(topic, payload) },
            judge: { drift.note($0) },
            reseed: { [logger] need in
                do { try await delivery.reseed(need) } catch { logger.warning("re-seeding: \(error)") }
            }, deliver: { due.set() }, answer: { [fetches] in fetches.add($1, from: $0) })
        rollouts = RolloutService(context: context, deliver: { due.set() })
        self.due = due
    }

    /// The connection is new.
    package func connected() {
        delivery.connected()
        due.set()
    }

    /// A message of a device came from the broker.
    package func receive(_ topic: Topic, _ payload: UnsafeRawBufferPointer) { ingest.receive(topic, payload) }

    /// Takes what came in, in one transaction, and acknowledges it.
    package func ingestBatch() async {
        await ingest.process(ingest.queue.drain(limit: IngestLimits.batch))
        await fetches.drain()
    }

    /// Messages that wait to be taken.
    package var waiting: Int { ingest.queue.count }

    /// Something changed that devices must be told since it was last asked.
    package func takeDeliveryDue() -> Bool { due.take() }

    /// One round of delivery: audit after a reconnect, then everything that is missing at the broker.
    package func deliver() async throws { try await delivery.round() }

    /// Makes the differences that are missing.
    package func makeDeltas() async { await deltas.round() }

    /// Lets rollouts go on whose time has come.
    package func tick() async throws { try await rollouts.tick() }

    /// Judges the drift of every window that was reported since it was last asked.
    package func judge() async { await drift.judgePending() }

    /// Compiles an ONNX file as the controller does it.
    package static func compile(_ onnx: [UInt8]) throws -> CompiledImage { try ONNXCompilation.compile(onnx) }

    /// Encodes an image ahead of delivery, in about this many chunks: small worlds have small images.
    package static func prepare(
        _ image: Digest, chunks: Int, blobs: BlobStore, store: FleetStore, at now: Instant
    ) async throws {
        let whole = try ImageEncoder(blobs: blobs).full(image)
        let encoded = try ImageEncoder(blobs: blobs, chunkBytes: max(1, whole.map.bytes / chunks)).full(image)
        try await store.database.write { database in
            try BlobRecord(digest: encoded.file, bytes: encoded.map.bytes, kind: .delivery, createdAt: now)
                .insert(database, onConflict: .ignore)
            try DeliveryRecord(encoded, createdAt: now).insert(database, onConflict: .ignore)
        }
    }
}

/// Set by services, taken by whoever turns the loops.
private final class SharedFlag: Sendable {
    private let isSet = Mutex(false)

    func set() { isSet.withLock { $0 = true } }

    func take() -> Bool {
        isSet.withLock { isSet in
            defer { isSet = false }
            return isSet
        }
    }
}

/// A broker link whose answers are there at once.
private final class SteppedLink: BrokerLink {
    private let network: SteppedController.Network
    private let topics: Topics
    private let inbox = Mutex<AuditInbox?>(nil)

    init(network: SteppedController.Network, topics: Topics) {
        self.network = network
        self.topics = topics
    }

    func attach(_ inbox: AuditInbox) { self.inbox.withLock { $0 = inbox } }

    var isConnected: Bool { network.isConnected() }

    func publish(_ topic: Topic, _ payload: [UInt8], priority: MQTTPriority) async -> PublishResult {
        network.publish(topic, payload) ? .acknowledged : .dropped(.connectionLost)
    }

    func send(_ topic: Topic, _ payload: [UInt8], priority: MQTTPriority) { _ = network.publish(topic, payload) }

    func subscribe(_ filters: [String], qos: QoS) {
        guard let inbox = inbox.withLock({ $0 }) else { return }
        for message in network.retained(filters) {
            guard let topic = try? topics.parse(message.topic) else { continue }
            message.payload.withUnsafeBytes { inbox.receive(topic, $0) }
        }
    }

    func unsubscribe(_ filters: [String]) {}
}
