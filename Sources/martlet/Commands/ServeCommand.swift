import ArgumentParser
import FleetConsole
import FleetController
import Foundation
import FrameSource
import Logging
import ServiceLifecycle

/// `martlet serve`: the controller with its API, console and broker.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run the controller with its HTTP API, console and broker.",
        discussion: """
            Options win over the environment (MARTLET_HTTP_PORT …), the environment over --config FILE, the file over \
            the defaults; `martlet config list` explains every key. SIGTERM ends it in order; after a crash it goes on \
            where it was.
            """)

    @Option(help: "A YAML configuration file.") var config: String?
    @Option(help: "The data folder.") var data: String?
    @Option(help: "embedded or external.") var broker: String?
    @Option(help: "Address of the private broker, or of an external one.") var brokerHost: String?
    @Option(help: "Port of the broker; 0 takes a free one once.") var brokerPort: Int?
    @Option(help: "Address of the API and the console.") var httpHost: String?
    @Option(help: "Port of the API and the console; 0 takes a free one.") var httpPort: Int?
    @Option(help: "Release keys to make on an empty data folder, such as ops,lead.") var initKeys: String?
    @Option(help: "Tags that group drift and accuracy, such as side.") var groupBy: String?
    @Option(help: "Seconds between a device's reports.") var reportInterval: Int?
    @Option(help: "trace, debug, info, notice, warning or error.") var logLevel: String?

    func run() async throws {
        // Database, tokens and samples are for the controller's own user alone.
        umask(0o077)
        let settings: ResolvedSettings
        do {
            settings = try await ResolvedSettings(
                commandLine: commandLine, environment: ProcessInfo.processInfo.environment, file: config)
        } catch let error as ConfigurationError {
            Terminal.complain("\(error)")
            throw ExitCode.failure
        }
        let level = Logger.Level(rawValue: settings.text(.logLevel)) ?? .info
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        do {
            try await Server(settings: settings).run()
        } catch let error as ControllerError {
            Terminal.complain("\(error)")
            throw ExitCode.failure
        }
    }

    /// The options that were given, by setting name.
    private var commandLine: [String: String] {
        let options: [(Setting, String?)] = [
            (.data, data), (.broker, broker), (.brokerHost, brokerHost), (.brokerPort, brokerPort.map(String.init)),
            (.httpHost, httpHost), (.httpPort, httpPort.map(String.init)), (.initKeys, initKeys), (.groupBy, groupBy),
            (.reportSeconds, reportInterval.map(String.init)), (.logLevel, logLevel),
        ]
        return Dictionary(
            options.compactMap { setting, value in value.map { (setting.name, $0) } }, uniquingKeysWith: { $1 })
    }
}
