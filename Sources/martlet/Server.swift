import FleetConsole
import FleetController
import FleetCrypto
import FleetModel
import Foundation
import Logging
import ServiceLifecycle
import UnixSignals

/// Wires controller and console and runs them until SIGTERM or SIGINT.
struct Server {
    let settings: ResolvedSettings
    private let logger = Logger(label: "martlet")

    init(settings: ResolvedSettings) { self.settings = settings }

    func run() async throws {
        let configuration = try configuration()
        try pinRoot(in: configuration)
        let controller = try await FleetController.open(configuration: configuration, logger: logger)
        try await prepare(controller)
        let console = try ConsoleServer(controller: controller, configuration: console, logger: logger) { port in
            let scheme = settings.optional(.tlsCertificate) == nil ? "http" : "https"
            print("console and API at \(scheme)://\(settings.text(.httpHost)):\(port)")
            fflush(nil)
        }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(service: controller, successTerminationBehavior: .gracefullyShutdownGroup),
                    .init(service: console, successTerminationBehavior: .gracefullyShutdownGroup),
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
    }

    // MARK: The first start

    /// Pins an offline root before the data folder makes one of its own.
    private func pinRoot(in configuration: ControllerConfiguration) throws {
        guard let file = settings.optional(.root) else { return }
        do { try PinnedRoot.pin(KeyCard(file: file).publicKey, in: configuration.dataFolder) } catch let error
            as RootError
        {
            throw ControllerError(.invalid, "\(Setting.root.name): \(error)", hint: "name the card of a root key")
        }
    }

    /// Makes release keys and the administrator's token where there are none.
    private func prepare(_ controller: FleetController) async throws {
        let holders = settings.list(.initKeys)
        if try await controller.trust.document() == nil {
            if holders.isEmpty {
                logger.warning(
                    "no release keys are trusted yet: nothing can be released. Start once with --init-keys NAME,NAME")
            } else {
                let keys = try await controller.trust.initialise(
                    holders: holders, threshold: settings.integer(.threshold), by: .local)
                for key in keys {
                    print(
                        "release key of \(key.holder): \(key.file.path) (give it to \(key.holder) and delete it here)")
                }
            }
        }
        let tokenFile = controller.configuration.dataFolder.appendingPathComponent("admin.token")
        let made = try await controller.tokens.makeFirstAdmin { text in
            try PrivateFile.write("\(text)\n".utf8, to: tokenFile.path)
        }
        if made != nil { print("administrator's token: \(tokenFile.path)") }
    }

    // MARK: Settings

    private var console: ConsoleConfiguration {
        let tls = settings.optional(.tlsCertificate).map {
            ConsoleConfiguration.TLS(certificateFile: $0, keyFile: settings.text(.tlsKey))
        }
        return ConsoleConfiguration(
            host: settings.text(.httpHost), port: settings.integer(.httpPort), tls: tls)
    }

    /// Half of a TLS setting would silently mean no TLS.
    private func checkTLS() throws {
        let pairs: [(Setting, Setting)] = [
            (.tlsKey, .tlsCertificate), (.tlsCertificate, .tlsKey), (.brokerAuthority, .brokerCertificate),
            (.brokerKey, .brokerCertificate), (.brokerCertificate, .brokerKey), (.brokerCertificate, .brokerAuthority),
        ]
        for (given, needed) in pairs where settings.optional(given) != nil && settings.optional(needed) == nil {
            throw ControllerError(.invalid, "\(given.name) needs \(needed.name)", hint: "set both or neither")
        }
    }

    private func configuration() throws -> ControllerConfiguration {
        try checkTLS()
        let folder = URL(fileURLWithPath: settings.text(.data)).standardizedFileURL
        var configuration = ControllerConfiguration(dataFolder: folder, broker: broker)
        configuration.brokerAddress = settings.text(.brokerHost)
        configuration.brokerNames = settings.list(.brokerNames)
        configuration.retainedBytesLimit = settings.integer(.retainedBytes)
        configuration.modelBytesLimit = settings.integer(.modelBytes)
        configuration.devicePolicy.reportInterval = .seconds(Int64(settings.integer(.reportSeconds)))
        configuration.groupTags = settings.list(.groupBy)
        if let file = settings.optional(.timeKey) { configuration.timeKeyFile = URL(fileURLWithPath: file) }
        configuration.timeInterval = .seconds(Int64(settings.integer(.timeSeconds)))
        if let file = settings.optional(.automationKey) { configuration.automationKeyFile = URL(fileURLWithPath: file) }
        configuration.trainers[TrainingService.builtIn] = builtInTrainer
        configuration.trainerEnvironment = settings.list(.trainerEnvironment)
        configuration.trainingLimit = .seconds(Int64(settings.integer(.trainingLimit)))
        if let file = settings.optional(.frameKey) { configuration.frameKeyFile = URL(fileURLWithPath: file) }
        configuration.retention.reports = days(.reportDays)
        configuration.retention.samples = days(.sampleDays)
        configuration.retention.receipts = days(.receiptDays)
        configuration.retention.deviceLogs = days(.deviceLogDays)
        for entry in settings.list(.trainers) {
            guard let equals = entry.firstIndex(of: "="), equals != entry.startIndex else {
                throw ControllerError(
                    .invalid, "\(Setting.trainers.name): '\(entry)' names no command", hint: "write name=command")
            }
            let command = entry[entry.index(after: equals)...].split(separator: " ").map(String.init)
            configuration.trainers[String(entry[..<equals])] = command
        }
        return configuration
    }

    /// A lifetime; 0 days is for ever.
    private func days(_ setting: Setting) -> Interval? {
        let count = settings.integer(setting)
        return count == 0 ? nil : .days(Int64(count))
    }

    /// The built-in trainer keeps the trainer contract like any other: a process of its own, which neither slows the API
    /// down nor takes it along when memory runs out.
    private var builtInTrainer: [String] {
        ["/usr/bin/nice", "-n", "5", OwnProgram.path ?? "martlet", "train"]
    }

    private var broker: BrokerMode {
        let port = settings.integer(.brokerPort)
        guard settings.text(.broker) == "external" else { return .embedded(port: port == 0 ? nil : port) }
        let tls = settings.optional(.brokerCertificate).map { certificate in
            BrokerEndpoint.TLS(
                caFile: settings.text(.brokerAuthority), certificateFile: certificate,
                keyFile: settings.text(.brokerKey))
        }
        return .external(
            BrokerEndpoint(host: settings.text(.brokerHost), port: port == 0 ? 8883 : port, tls: tls))
    }
}
