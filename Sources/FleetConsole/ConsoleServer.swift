public import FleetController
import FleetModel
import FleetStore
import Hummingbird
import HummingbirdTLS
public import Logging
import NIOCore
import NIOSSL
public import ServiceLifecycle

/// How the HTTP side is reached.
public struct ConsoleConfiguration: Hashable, Sendable {
    /// Files for TLS, PEM.
    public struct TLS: Hashable, Sendable {
        /// The certificate chain, leaf first.
        public var certificateFile: String
        public var keyFile: String

        public init(certificateFile: String, keyFile: String) {
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }
    }

    /// Address to listen on. Default loopback only.
    public var host: String
    /// 0 takes a free port; see ``ConsoleServer/init(controller:configuration:logger:onListening:)``.
    public var port: Int
    /// nil: plain HTTP, for loopback or behind a proxy that ends TLS.
    public var tls: TLS?

    public init(host: String = "127.0.0.1", port: Int = 8080, tls: TLS? = nil) {
        self.host = host
        self.port = port
        self.tls = tls
    }
}

/// HTTP API and web console of a controller, as one service.
public struct ConsoleServer: Service {
    private let core: ConsoleCore
    private let onListening: @Sendable (Int) async -> Void

    /// Prepares the server; nothing listens yet.
    ///
    /// - Parameters:
    ///   - onListening: called with the port once connections are taken.
    public init(
        controller: FleetController, configuration: ConsoleConfiguration, logger: Logger,
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) throws {
        core = try ConsoleCore(
            controller: controller, configuration: configuration, logger: logger, clock: { Instant.now() })
        self.onListening = onListening
    }

    /// Serves until the surrounding `ServiceGroup` shuts down gracefully; open requests are finished first.
    public func run() async throws { try await application().run() }

    func application() throws -> some ApplicationProtocol {
        let onListening = onListening
        return Application(
            router: buildRouter(),
            server: try core.configuration.tls.map { try .tls(tlsConfiguration: Self.tlsConfiguration($0)) }
                ?? .http1(),
            configuration: ApplicationConfiguration(
                address: .hostname(core.configuration.host, port: core.configuration.port), serverName: "martlet"),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? 0) }, logger: core.logger)
    }

    /// All routes, API and pages.
    func buildRouter() -> Router<ConsoleContext> {
        let router = Router(context: ConsoleContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: ConsoleMiddleware(core: core))
        APIRoutes.table.register(on: router, core: core)
        ConsolePages.register(on: router, core: core)
        return router
    }

    private static func tlsConfiguration(_ tls: ConsoleConfiguration.TLS) throws -> TLSConfiguration {
        let chain = try NIOSSLCertificate.fromPEMFile(tls.certificateFile).map {
            NIOSSLCertificateSource.certificate($0)
        }
        let key = try NIOSSLPrivateKey(file: tls.keyFile, format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        return configuration
    }
}
