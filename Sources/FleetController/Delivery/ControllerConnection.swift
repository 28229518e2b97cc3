import FleetWire
import Logging
import MQTTTransport
import Synchronization

/// Routes what the broker's loop tells to the services, which are made after the link that calls here.
final class ControllerConnection: Sendable {
    private struct Services: Sendable {
        var ingest: IngestService
        var delivery: DeliveryService
        var refused: RefusedAccessService
    }

    private let services = Mutex<Services?>(nil)

    func attach(ingest: IngestService, delivery: DeliveryService, refused: RefusedAccessService) {
        services.withLock { $0 = Services(ingest: ingest, delivery: delivery, refused: refused) }
    }

    /// Called on the loop's thread with a message that is valid only meanwhile.
    func receive(_ message: MQTTMessage, topics: Topics) {
        guard let services = services.withLock({ $0 }), let topic = try? topics.parse(message.topic) else { return }
        let payload = message.payload
        switch topic {
        // An audit asks at QoS 0 for what has come at QoS 1.
        case .reported where message.retained && message.qos == .atMostOnce:
            services.delivery.inbox.receive(topic, payload)
        case .presence, .reported, .need, .report, .sample, .log, .response, .fetch, .renew:
            services.ingest.receive(topic, payload)
        case .desired, .ack, .command, .certificate, .roles, .time, .release, .blobMap, .chunk, .ownBlobMap, .ownChunk:
            services.delivery.inbox.receive(topic, payload)
        case .refused: services.refused.receive(payload)
        }
    }

    func handle(_ event: LinkEvent, logger: Logger) {
        switch event {
        case .connected:
            logger.info("connected to the broker")
            services.withLock { $0 }?.delivery.connected()
        case .disconnected(let reason):
            logger.warning("no connection to the broker", metadata: ["reason": "\(reason)"])
        case .refused(let topic, let reason):
            logger.error("the broker refused", metadata: ["topic": "\(topic)", "reason": "\(reason)"])
        }
    }
}
