import AsyncHTTPClient
import FleetCrypto
import FleetModel
public import FleetStore
import Foundation
import GRDB
import Logging
import NIOCore
import NIOHTTP1

/// Where alerts go: webhooks and the loop that delivers to them.
public struct WebhookService: Sendable {
    /// How often the queue is looked at when nothing wakes the loop.
    static let pause = Interval.seconds(1)
    /// The header with `sha256=` and the hexadecimal HMAC-SHA256 of the body under the webhook's secret.
    public static let signatureHeader = "X-Martlet-Signature"

    let context: ControllerContext

    /// Adds a webhook.
    ///
    /// - Parameters:
    ///   - secret: signs each body (`signatureHeader`), if given.
    ///   - kinds: alerts that it gets; empty means all.
    public func create(
        url: String, secret: String? = nil, kinds: [AlertKind] = [], by caller: Identity
    ) async throws -> WebhookRecord {
        guard let parsed = URL(string: url), ["http", "https"].contains(parsed.scheme ?? ""), parsed.host != nil else {
            throw ControllerError(.invalid, "'\(url.prefix(200))' is no http or https address")
        }
        return try await context.perform(Command("webhooks.create", by: caller, role: .admin, subject: url)) {
            database, scope in
            guard try WebhookRecord.fetchCount(database) < ControllerLimits.webhooks else {
                throw ControllerError(.limitReached, "there are at most \(ControllerLimits.webhooks) webhooks")
            }
            var record = WebhookRecord(
                url: url, secret: secret, kinds: kinds, createdAt: scope.now, createdBy: caller.name)
            try record.insert(database)
            scope.detail = ["kinds": kinds.map(\.rawValue).joined(separator: ",")]
            scope.changes = [ChangeEvent(.webhook, record.id ?? 0)]
            return record
        }
    }

    /// Removes a webhook with what waits for it.
    public func delete(_ id: Int64, by caller: Identity) async throws {
        try await context.perform(Command("webhooks.delete", by: caller, role: .admin, subject: id)) {
            database, scope in
            guard let record = try WebhookRecord.fetchOne(database, key: id) else {
                throw ControllerError.notFound("webhook", id)
            }
            try record.delete(database)
            scope.detail = ["url": record.url]
            scope.changes = [ChangeEvent(.webhook, id)]
        }
    }

    /// Delivers until the task is cancelled: to each webhook one message after the other, to all of them side by side,
    /// so that a slow receiver delays nobody but itself.
    func run() async {
        await withTaskGroup(of: Int64?.self) { group in
            var busy: Set<Int64> = []
            group.addTask { await Self.rest() }
            while !Task.isCancelled {
                do {
                    for (delivery, webhook) in try await due(without: busy) {
                        busy.insert(delivery.webhook)
                        group.addTask {
                            await attempt(delivery, webhook)
                            return delivery.webhook
                        }
                    }
                } catch {
                    context.logFailure(of: "webhooks", error)
                }
                guard let ended = await group.next() else { return }
                if let ended { busy.remove(ended) } else { group.addTask { await Self.rest() } }
            }
            group.cancelAll()
        }
    }

    private static func rest() async -> Int64? {
        try? await Task.sleep(for: .milliseconds(pause.milliseconds))
        return nil
    }

    private func due(
        without busy: Set<Int64>
    ) async throws -> [(delivery: WebhookDeliveryRecord, webhook: WebhookRecord)] {
        let now = context.now()
        return try await context.read { try WebhookQueue.due($0, at: now, without: busy) }
    }

    /// Tries each webhook's oldest delivery whose time has come.
    ///
    /// - Returns: How many were tried.
    @discardableResult
    func deliverDue() async throws -> Int {
        let due = try await due(without: [])
        await withTaskGroup(of: Void.self) { group in
            for (delivery, webhook) in due { group.addTask { await attempt(delivery, webhook) } }
        }
        return due.count
    }

    private func attempt(_ delivery: WebhookDeliveryRecord, _ webhook: WebhookRecord) async {
        let failure = await post(delivery.body, to: webhook)
        let now = context.now()
        let after = WebhookQueue.after(delivery, failure: failure, limits: context.configuration.webhooks, at: now)
        do {
            try await context.write { database, changes in
                try after.update(database)
                changes.append(ChangeEvent(.webhook, webhook.id ?? 0))
            }
        } catch {
            // The row still says pending: the body is sent again, which receivers tell by the fingerprint.
            context.logger.error("webhook delivery not recorded", metadata: ["error": "\(error)"])
        }
    }

    /// - Returns: why it failed; nil if it arrived.
    private func post(_ body: Data, to webhook: WebhookRecord) async -> String? {
        do {
            var request = HTTPClientRequest(url: webhook.url)
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/json")
            request.headers.add(name: "User-Agent", value: "martlet")
            if let secret = webhook.secret {
                let mac = HMAC.sha256(key: [UInt8](secret.utf8), message: [UInt8](body))
                request.headers.add(name: Self.signatureHeader, value: "sha256=\(Hexadecimal.text(mac))")
            }
            request.body = .bytes([UInt8](body))
            let timeout = TimeAmount.milliseconds(context.configuration.webhooks.timeout.milliseconds)
            let response = try await HTTPClient.shared.execute(request, timeout: timeout)
            return (200..<300).contains(Int(response.status.code)) ? nil : "HTTP \(response.status.code)"
        } catch {
            return "\(error)"
        }
    }
}
