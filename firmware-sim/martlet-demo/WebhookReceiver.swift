import FleetClient
import Foundation
import Hummingbird
import Logging
import NIOCore
import Synchronization

/// A local receiver of webhooks: what a factory's chat or pager would be.
final class WebhookReceiver: Sendable {
    private let port = Mutex<Int?>(nil)
    private let received = Mutex<[JSONValue]>([])
    /// Largest body taken, in bytes.
    private static let bodyLimit = 1 << 20

    /// Where it listens, on a port that was free; nil until it does.
    var url: String? { port.withLock { $0.map { "http://127.0.0.1:\($0)/alerts" } } }
    var count: Int { received.withLock { $0.count } }
    var first: JSONValue? { received.withLock { $0.first } }

    func run() async throws {
        let router = Router()
        router.post("/alerts") { request, _ -> HTTPResponse.Status in
            let body = try await request.body.collect(upTo: Self.bodyLimit)
            let value = try JSONValue(parsing: body.readableBytesView)
            self.received.withLock { $0.append(value) }
            return .noContent
        }
        var logger = Logger(label: "webhook-receiver")
        logger.logLevel = .critical
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in self.port.withLock { $0 = channel.localAddress?.port } }, logger: logger)
        try await application.runService()
    }
}
