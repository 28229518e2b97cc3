import FleetModel
import FleetStore
import Foundation
import GRDB

/// The persisted queue of messages to webhooks.
enum WebhookQueue {
    /// Queues an alert's opening or closing for every webhook that asks for its kind, in the caller's transaction.
    static func enqueue(_ database: Database, _ alert: AlertRecord, at now: Instant) throws {
        guard let id = alert.id else { return }
        for webhook in try WebhookRecord.filter(Column("enabled") == true).fetchAll(database) {
            guard let target = webhook.id, webhook.kinds.isEmpty || webhook.kinds.contains(alert.kind) else { continue }
            var delivery = WebhookDeliveryRecord(
                webhook: target, alert: id, body: try WebhookBody(alert).encoded(), state: .pending, nextAt: now,
                createdAt: now)
            try delivery.insert(database)
        }
    }

    /// Each webhook's oldest delivery whose time has come, but for those that have one under way.
    static func due(
        _ database: Database, at now: Instant, without busy: Set<Int64>
    ) throws -> [(delivery: WebhookDeliveryRecord, webhook: WebhookRecord)] {
        try WebhookRecord.fetchAll(database).compactMap { webhook in
            guard let id = webhook.id, !busy.contains(id) else { return nil }
            let due = Column("webhook") == id && Column("state") == WebhookDeliveryState.pending
            return try WebhookDeliveryRecord.filter(due && Column("nextAt") <= now)
                .order(Column("nextAt"), Column("id")).fetchOne(database).map { ($0, webhook) }
        }
    }

    /// When the next delivery is due; nil if none waits.
    static func nextDue(_ database: Database) throws -> Instant? {
        try Instant.fetchOne(database, sql: "SELECT min(nextAt) FROM webhook_delivery WHERE state = 'pending'")
    }

    /// A delivery after an attempt: delivered, to be tried again later, or given up.
    static func after(
        _ delivery: WebhookDeliveryRecord, failure: String?, limits: WebhookLimits, at now: Instant
    ) -> WebhookDeliveryRecord {
        var delivery = delivery
        delivery.attempts += 1
        delivery.lastError = failure.map { String($0.prefix(500)) }
        guard failure != nil else {
            delivery.state = .delivered
            delivery.deliveredAt = now
            return delivery
        }
        guard delivery.attempts < limits.attempts else {
            delivery.state = .failed
            return delivery
        }
        let doublings = min(delivery.attempts - 1, 30)
        let pause = min(limits.firstPause.milliseconds << Int64(doublings), limits.longestPause.milliseconds)
        delivery.nextAt = now.advanced(by: Interval(milliseconds: pause))
        return delivery
    }
}

/// The JSON that a webhook gets: the form of Alertmanager's webhook, version 4, so that its receivers understand it.
struct WebhookBody: Encodable {
    struct Alert: Encodable {
        var status: String
        var labels: [String: String]
        var annotations: [String: String]
        var startsAt: String
        var endsAt: String
        var generatorURL: String
        var fingerprint: String
    }

    var version = "4"
    var groupKey: String
    var truncatedAlerts = 0
    var status: String
    var receiver = "martlet"
    var groupLabels: [String: String]
    var commonLabels: [String: String]
    var commonAnnotations: [String: String]
    var externalURL: String
    var alerts: [Alert]

    /// `endsAt` of an alert that is still open, as Alertmanager writes it.
    private static let noEnd = "0001-01-01T00:00:00Z"

    init(_ alert: AlertRecord) {
        let labels = [
            "alertname": alert.title, "kind": alert.kind.rawValue, "severity": alert.severity.rawValue,
            "subject": alert.subject,
        ]
        let annotations = ["summary": alert.title, "description": alert.reason, "action": alert.action]
        status = alert.closedAt == nil ? "firing" : "resolved"
        groupKey = alert.fingerprint
        groupLabels = ["kind": alert.kind.rawValue]
        commonLabels = labels
        commonAnnotations = annotations
        externalURL = "/alerts"
        alerts = [
            Alert(
                status: status, labels: labels, annotations: annotations, startsAt: Self.text(alert.openedAt),
                endsAt: alert.closedAt.map(Self.text) ?? Self.noEnd, generatorURL: "/alerts/\(alert.id ?? 0)",
                fingerprint: alert.fingerprint)
        ]
    }

    func encoded() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }

    private static func text(_ instant: Instant) -> String {
        Date(timeIntervalSince1970: Double(instant.milliseconds) / 1000)
            .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
