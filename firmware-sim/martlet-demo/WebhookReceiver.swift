import FleetClient
import Foundation
import Hummingbird
import Logging
import NIOCore
import Synchronization

/// A local receiver of webhooks: what a factory's chat or pager would be.
final class WebhookReceiver: Sendable {
    let port: Int
    private let received = Mutex<[JSONValue]>([])
    /// Largest body taken, in bytes.
    private static let bodyLimit = 1 << 20

    init(port: Int) { self.port = port }

    var url: String { "http://127.0.0.1:\(port)/alerts" }
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
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)), logger: logger)
        try await application.runService()
    }
}
