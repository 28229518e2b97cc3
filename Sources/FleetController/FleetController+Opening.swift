import FleetModel
public import Logging

extension FleetController {
    /// Opens a data folder for service: takes its lock, makes or opens its keys and certificates, starts or adopts the
    /// private broker if there is one, and wires the controller. `run()` does the work.
    public static func open(configuration: ControllerConfiguration, logger: Logger) async throws -> FleetController {
        let controller = try await wired(configuration: configuration, logger: logger)
        try await controller.enrolment.enforceRevocations()
        return controller
    }

    private static func wired(
        configuration: ControllerConfiguration, logger: Logger
    ) async throws -> FleetController {
        let lock = try DataFolderLock(folder: configuration.dataFolder)
        let pki = try FleetPKI(dataFolder: configuration.dataFolder)
        switch configuration.broker {
        case .external(let endpoint):
            let provisioner = DeviceProvisioner(
                pki: pki, host: configuration.brokerNames.first ?? endpoint.host, port: endpoint.port,
                topicPrefix: configuration.topicPrefix, ownHost: endpoint.host)
            return try FleetController(
                configuration: configuration, pki: provisioner, link: BrokerAttachment(endpoint: endpoint, lock: lock),
                logger: logger)
        case .embedded(let port):
            let settings = BrokerConfiguration(
                dataFolder: configuration.dataFolder, address: configuration.brokerAddress, port: port,
                serverNames: configuration.brokerNames, topicPrefix: configuration.topicPrefix,
                guardPlugin: configuration.guardPlugin, stopsWithController: false)
            if configuration.guardPlugin == nil {
                logger.notice("nobody is told what the broker refuses: \(BrokerGuard.fileName) is not installed")
            }
            let broker = try EmbeddedBroker(configuration: settings, pki: pki, logger: logger)
            try await broker.start()
            guard let endpoint = broker.endpoint else {
                throw ControllerError(.unavailable, "the private broker has no address")
            }
            let provisioner = DeviceProvisioner(
                pki: pki, host: configuration.brokerNames.first ?? endpoint.host, port: endpoint.port,
                topicPrefix: configuration.topicPrefix, ownHost: endpoint.host, reloadBroker: { broker.reload() })
            return try FleetController(
                configuration: configuration, pki: provisioner,
                link: BrokerAttachment(endpoint: endpoint, broker: broker, lock: lock), logger: logger)
        }
    }
}

/// The broker that a controller works with, and what it holds meanwhile.
struct BrokerAttachment: Sendable {
    var endpoint: BrokerEndpoint
    /// The private broker, if there is one.
    var broker: EmbeddedBroker?
    /// Keeps other controllers off the data folder.
    var lock: DataFolderLock?
}
