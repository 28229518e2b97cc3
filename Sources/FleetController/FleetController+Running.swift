import FleetModel
import FleetStore
import FleetWire
import GRDB
import Logging
import MQTTTransport
import ServiceLifecycle

extension FleetController {
    /// Where the setting with the bytes published so far is.
    static let bytesPublishedKey = "delivery.bytesPublished"

    /// Works until the surrounding `ServiceGroup` shuts down gracefully or the task is cancelled.
    ///
    /// - Throws: if the broker's address or certificates cannot be used at all. A broker that is away is waited for.
    public func run() async throws {
        guard let attachment else {
            throw ControllerError(.unavailable, "this controller has no broker", hint: "use FleetController.open")
        }
        guard let broker = attachment.broker else { return try await run(endpoint: attachment.endpoint) }
        // The broker ends last: the last acknowledgements and documents have to leave first.
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await broker.run() }
                group.addTask { try await self.run(endpoint: attachment.endpoint) }
                try await group.waitForAll()
            }
        } catch {
            await broker.stop()
            throw error
        }
        await broker.stop()
    }

    /// Where the broker is; nil for a controller without one.
    public var brokerEndpoint: BrokerEndpoint? { attachment?.endpoint }

    /// Works with a broker at this address.
    package func run(endpoint: BrokerEndpoint) async throws {
        let topics = Topics(prefix: configuration.topicPrefix)
        let monitor = DriftMonitor(context: context)
        let connection = ControllerConnection()
        let link = try MQTTLink(
            endpoint: endpoint, topics: topics,
            onMessage: { connection.receive($0, topics: topics) },
            onEvent: { [logger = context.logger] event in connection.handle(event, logger: logger) })
        let delivery = DeliveryService(context: context, link: link, wakeup: delivering)
        let fetches = FetchService(delivery: delivery, logger: context.logger)
        let deltas = DeltaService(context: context, made: { [delivering] in delivering.wake() })
        let ingest = IngestService(
            context: context, send: { topic, payload in link.send(topic, payload, priority: .control) },
            judge: { monitor.note($0) },
            reseed: { [logger = context.logger] need in
                do { try await delivery.reseed(need) } catch {
                    logger.warning("re-seeding", metadata: ["blob": "\(need.blob.short)", "error": "\(error)"])
                }
            }, deliver: { [delivering] in delivering.wake() },
            answer: { fetches.add($1, from: $0) },
            renew: { [enrolment] device, request in try await enrolment.renew(device, request) },
            resubscribe: { link.subscribe([topics.allUp], qos: .atLeastOnce) })
        let refused = RefusedAccessService(context: context)
        connection.attach(ingest: ingest, delivery: delivery, refused: refused)
        link.start()
        let meter = PublishedBytes(context: context, read: { link.bytesPublished })
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await ingest.run() }
                group.addTask { await delivery.run() }
                group.addTask { await refused.run() }
                group.addTask { await fetches.run() }
                group.addTask { await deltas.run() }
                group.addTask { await monitor.run() }
                group.addTask { await self.rollouts.run() }
                group.addTask { await self.webhooks.run() }
                group.addTask { await self.training.run() }
                group.addTask { await self.accuracy.run() }
                group.addTask { await self.retraining.run() }
                group.addTask { await Housekeeping(context: self.context).run() }
                group.addTask { await meter.run() }
                if let broker = self.attachment?.broker {
                    group.addTask { await KnockWatch(context: self.context, logFile: broker.logFile).run() }
                }
            }
        }
        await link.stop()
        // In a task of its own: this one may be cancelled, and the database then refuses.
        await Task { await meter.save() }.value
        events.finish()
    }

    /// Bytes of topics and payloads given to brokers since the data folder was made, as of the last few seconds.
    public func bytesPublished() async throws -> Int64 {
        let text = try await context.read { try SettingRecord.fetchOne($0, key: Self.bytesPublishedKey)?.value }
        return text.flatMap { Int64($0) } ?? 0
    }
}
