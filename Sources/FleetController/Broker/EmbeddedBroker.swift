import FleetModel
import FleetStore
import Foundation
import Glibc
public import Logging
import MQTTTransport
public import ServiceLifecycle
import Synchronization

/// The controller's private mosquitto: set up, started or adopted, watched, and started again when it dies.
///
/// It is a process of its own that outlives a killed controller; the next controller on the same data folder adopts
/// it, so that devices notice nothing. Its port never changes once devices were told.
public final class EmbeddedBroker: Service {
    private struct State {
        var process: BrokerProcess?
        var port: Int?
    }

    /// How `start` came to a running broker.
    public enum Origin: Sendable, Equatable {
        case launched
        /// It ran already.
        case adopted
    }

    let configuration: BrokerConfiguration
    private let pki: FleetPKI
    private let logger: Logger
    /// Put before the program: lets a test run the broker as another user.
    private let commandPrefix: [String]
    private let runsAsRoot: Bool
    private let state = Mutex(State())

    /// How long a fresh broker may take until it answers.
    static let startPatience = Duration.seconds(10)
    /// Free ports that a first start tries.
    static let portAttempts = 3
    /// How often `run` looks whether the process lives.
    static let watchInterval = Duration.milliseconds(250)
    /// How often `run` looks whether certificates near their end.
    static let renewalInterval = Duration.seconds(3600)
    /// A log longer than this is set aside; one old one is kept.
    static let logBytes = 4 << 20

    public convenience init(configuration: BrokerConfiguration, pki: FleetPKI, logger: Logger) throws {
        try self.init(
            configuration: configuration, pki: pki, logger: logger, commandPrefix: [], runsAsRoot: geteuid() == 0)
    }

    init(
        configuration: BrokerConfiguration, pki: FleetPKI, logger: Logger, commandPrefix: [String], runsAsRoot: Bool
    ) throws {
        try configuration.validate()
        self.configuration = configuration
        self.pki = pki
        self.logger = logger
        self.commandPrefix = commandPrefix
        self.runsAsRoot = runsAsRoot
    }

    /// What the controller connects with; known after `start`.
    public var endpoint: BrokerEndpoint? {
        guard let port = state.withLock({ $0.port }) else { return nil }
        let tls = pki.controllerTLS
        return BrokerEndpoint(
            host: configuration.dialledAddress, port: port, clientID: FleetPKI.controllerName,
            tls: BrokerEndpoint.TLS(
                caFile: tls.caFile, certificateFile: tls.certificateFile ?? "", keyFile: tls.keyFile ?? ""))
    }

    /// The broker's process id, for people.
    public var processID: Int32? { state.withLock { $0.process?.pid } }

    /// Brings the broker up: adopts a live one, or launches one on the remembered port. Returns once it answers.
    @discardableResult
    public func start() async throws -> Origin {
        if let port = try configuration.port ?? BrokerMemory.read(from: configuration.folder)?.port {
            return try await start(on: port)
        }
        // Nobody was told a port yet: another program that takes the chosen one in between does no harm.
        for _ in 1..<Self.portAttempts {
            do {
                return try await start(on: LocalPort.free(on: configuration.address))
            } catch let error as ControllerError {
                logger.info("Trying another port for the broker", metadata: ["reason": "\(error)"])
            }
        }
        return try await start(on: LocalPort.free(on: configuration.address))
    }

    private func start(on port: Int) async throws -> Origin {
        let certificateIsNew = try pki.ensureBrokerCertificate(names: configuration.certificateNames)
        let changes = try BrokerFiles(configuration: configuration, port: port, runsAsRoot: runsAsRoot).write(pki: pki)
        state.withLock { $0.port = port }
        if let process = BrokerProcess.find(configurationFile: configurationFile) {
            if !changes.configuration, await adopt(process, reload: changes.rules || certificateIsNew) {
                return .adopted
            }
            logger.notice("Replacing the broker", metadata: ["pid": "\(process.pid)"])
            await process.terminate()
        }
        try await launch()
        try BrokerMemory(port: port).write(to: configuration.folder)
        return .launched
    }

    private var configurationFile: String { BrokerFiles.configurationFile(in: configuration.folder) }
    var logFile: String { configuration.folder.appending(path: "broker.log").path() }

    private func probe() async -> BrokerProbe.Answer {
        guard let port = state.withLock({ $0.port }) else { return .silent(reason: "not started") }
        return await BrokerProbe(host: configuration.dialledAddress, port: port, tls: pki.probeTLS).ask()
    }

    private func adopt(_ process: BrokerProcess, reload: Bool) async -> Bool {
        guard case .alive = await probe() else { return false }
        if reload { process.reload() }
        state.withLock { $0.process = process }
        logger.info("Adopted the running broker", metadata: ["pid": "\(process.pid)"])
        return true
    }

    // MARK: Launching

    private func launch() async throws {
        guard let port = state.withLock({ $0.port }) else { return }
        guard LocalPort.isFree(port, on: configuration.address) else {
            throw ControllerError(
                .unavailable, "port \(port) of the fleet's broker is taken by another program",
                hint: "find it with 'ss -ltnp sport = :\(port)' and stop it: devices know this port")
        }
        var log = BrokerLogReader(path: logFile)
        log.limit(to: Self.logBytes)
        let program = try BrokerProcess.findProgram()
        let process = try BrokerProcess.launch(commandPrefix + [program, "-c", configurationFile], log: logFile)
        state.withLock { $0.process = process }
        try await waitUntilAnswering(process)
        logger.info("Started the broker", metadata: ["pid": "\(process.pid)", "port": "\(port)"])
    }

    private func waitUntilAnswering(_ process: BrokerProcess) async throws {
        let deadline = ContinuousClock.now + Self.startPatience
        var reason = "it ended at once"
        while process.isAlive {
            switch await probe() {
            case .alive: return
            case .silent(let why): reason = why
            }
            guard ContinuousClock.now < deadline else { break }
            await BrokerProcess.pause(.milliseconds(30))
        }
        await process.destroy()
        throw ControllerError(
            .unavailable, "the broker did not come up: \(reason); its log ends: \(logTail())",
            hint: "see \(logFile)")
    }

    private func logTail() -> String {
        let text = (try? String(contentsOfFile: logFile, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(3).joined(separator: " | ")
    }

    // MARK: Watching

    /// Keeps the broker alive until shutdown. `start` comes first.
    public func run() async throws {
        await cancelWhenGracefulShutdown { await self.watch() }
        if configuration.stopsWithController { await stop() }
    }

    private func watch() async {
        var supervision = BrokerSupervision(
            policy: configuration.restartBackoff, seed: UInt64.random(in: 0...UInt64.max), now: Instant.now())
        var nextRenewal = ContinuousClock.now + Self.renewalInterval
        while !Task.isCancelled {
            if ContinuousClock.now >= nextRenewal {
                nextRenewal += Self.renewalInterval
                renewCertificates()
            }
            let isAlive = state.withLock { $0.process }?.isAlive ?? false
            if let action = supervision.handle(.looked(isAlive: isAlive), at: Instant.now()) {
                await perform(action, &supervision)
            }
            try? await Task.sleep(for: Self.watchInterval)
        }
    }

    private func perform(_ action: BrokerSupervision.Action, _ supervision: inout BrokerSupervision) async {
        switch action {
        case .probe:
            let answer = await probe()
            if case .silent(let reason) = answer {
                logger.warning("The broker is silent", metadata: ["reason": "\(reason)"])
            }
            let next = supervision.handle(.probed(answered: answer == .alive), at: Instant.now())
            if let next { await perform(next, &supervision) }
        case .kill:
            logger.error("The broker hangs: ending it")
            await state.withLock { $0.process }?.destroy()
        case .launch:
            var succeeded = true
            do {
                try await launch()
            } catch {
                succeeded = false
                logger.error("The broker does not start", metadata: ["error": "\(error)"])
            }
            _ = supervision.handle(.launched(succeeded: succeeded), at: Instant.now())
        }
    }

    /// Renews the certificates of the broker and of the controller if they near their end. The broker takes its new one up
    /// without ending a session; both are of the same authority, so every device accepts it.
    func renewCertificates() {
        do {
            try pki.renewServiceCertificates()
            guard try pki.ensureBrokerCertificate(names: configuration.certificateNames) else { return }
            reload()
            logger.notice("Renewed the broker's certificate")
        } catch {
            logger.error("The broker's certificate was not renewed", metadata: ["error": "\(error)"])
        }
    }

    /// Has the broker read its access rules, certificates and revocation list again.
    public func reload() {
        state.withLock { $0.process }?.reload()
    }

    /// Ends the broker, after it has saved its retained messages.
    public func stop() async {
        let process = state.withLock { state in
            defer { state.process = nil }
            return state.process
        }
        await process?.terminate()
    }
}
