import FleetController
import FleetModel
import FleetStore
import Sketches

extension JSONValue {
    init(_ summary: FleetSummary, running: [VersionID: Int], bytesPublished: Int64) {
        let byVersion = { (counts: [VersionID: Int]) -> JSONValue in
            .object(
                Dictionary(
                    counts.map { ($0.key.description, .count($0.value)) }, uniquingKeysWith: { first, _ in first }))
        }
        self = [
            "devices": .count(summary.devices), "online": .count(summary.online),
            "receipts": byVersion(summary.receipts), "running": byVersion(running),
            "samples_received": .count(summary.samples), "reports_received": .count(summary.reports),
            "inferences": .count(summary.inferences), "duplicates": .count(summary.duplicates),
            "annotations": .count(summary.annotations), "bytes_published": .count(bytesPublished),
            "alerts": .object(
                Dictionary(
                    summary.openAlerts.map { ($0.key.rawValue, .count($0.value)) },
                    uniquingKeysWith: { first, _ in first })),
            "webhooks_delivered": .count(summary.webhooksDelivered),
            "webhooks_pending": .count(summary.webhooksPending),
        ]
    }

    init(_ point: DriftSeriesPoint) {
        self = [
            "group": .string(point.group), "feature": .string(point.feature), "at": .time(point.at),
            "ratio": .real(point.ratio), "worst": .real(point.worst), "devices": .count(point.devices),
        ]
    }

    init(_ estimate: AccuracyEstimateRecord) {
        self = [
            "group": .string(estimate.groupKey), "version": .string(estimate.version.description),
            "estimate": .real(estimate.estimate), "low": .real(estimate.low), "high": .real(estimate.high),
            "labels": .count(estimate.labels), "promised": .real(estimate.promised), "at": .time(estimate.at),
        ]
    }

    init(_ summary: LatencySummary) {
        let quantile = { (q: Double) -> JSONValue in summary.latency.quantile(q).map(JSONValue.real) ?? .null }
        self = [
            "version": .string(summary.version.description), "medianMicroseconds": quantile(0.5),
            "p95Microseconds": quantile(0.95), "p99Microseconds": quantile(0.99),
            "inferences": .count(summary.inferences), "errors": .count(summary.errors),
            "uncertain": .count(summary.uncertain), "devices": .count(summary.devices),
        ]
    }

    init(_ alert: AlertRecord) {
        self = [
            "id": .count(alert.id ?? 0), "kind": .string(alert.kind.rawValue),
            "severity": .string(alert.severity.rawValue), "subject": .string(alert.subject),
            "title": .string(alert.title), "reason": .string(alert.reason), "action": .string(alert.action),
            "occurrences": .count(alert.occurrences), "openedAt": .time(alert.openedAt),
            "updatedAt": .time(alert.updatedAt), "closedAt": .time(alert.closedAt),
            "acknowledgedAt": .time(alert.acknowledgedAt), "acknowledgedBy": .text(alert.acknowledgedBy),
        ]
    }

    init(_ webhook: WebhookRecord) {
        self = [
            "id": .count(webhook.id ?? 0), "url": .string(webhook.url),
            "kinds": .strings(webhook.kinds.map(\.rawValue)), "signed": .bool(webhook.secret != nil),
            "enabled": .bool(webhook.enabled), "createdAt": .time(webhook.createdAt),
            "createdBy": .string(webhook.createdBy),
        ]
    }

    init(_ entry: AuditEntryRecord) {
        self = [
            "number": .count(entry.number), "at": .time(entry.at), "identity": .string(entry.identity),
            "role": .string(entry.role.rawValue), "command": .string(entry.command), "subject": .string(entry.subject),
            "detail": .document(entry.detail), "reason": .string(entry.reason), "previous": .digest(entry.previous),
            "hash": .digest(entry.hash),
        ]
    }

    init(_ token: TokenRecord) {
        self = [
            "id": .count(token.id ?? 0), "identity": .string(token.identity), "role": .string(token.role.rawValue),
            "note": .string(token.note), "createdAt": .time(token.createdAt), "expiresAt": .time(token.expiresAt),
            "lastUsedAt": .time(token.lastUsedAt), "revokedAt": .time(token.revokedAt),
        ]
    }
}
