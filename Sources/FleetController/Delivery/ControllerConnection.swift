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
        switch Addressee(of: topic, isRetained: message.retained, qos: message.qos) {
        case .ingest: services.ingest.receive(topic, message.payload)
        case .audit: services.delivery.inbox.receive(topic, message.payload)
        case .refusals: services.refused.receive(message.payload)
        }
    }

    /// Who takes a message.
    enum Addressee {
        /// What devices say.
        case ingest
        /// What the broker retains and an audit asked for.
        case audit
        /// What the broker's guard tells.
        case refusals

        init(of topic: Topic, isRetained: Bool, qos: QoS) {
            switch topic {
            // An audit asks at QoS 0 for what has come at QoS 1.
            case .reported where isRetained && qos == .atMostOnce: self = .audit
            case .presence, .reported, .need, .report, .sample, .log, .response, .fetch, .renew: self = .ingest
            case .desired, .ack, .command, .certificate, .roles, .time, .release: self = .audit
            case .blobMap, .chunk, .ownBlobMap, .ownChunk: self = .audit
            case .refused: self = .refusals
            }
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
