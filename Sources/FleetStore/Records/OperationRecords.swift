public import FleetModel
public import Foundation
public import GRDB

/// Something that a person should know, from opening to closing.
public struct AlertRecord: Codable, Hashable, Sendable, FetchableRecord, MutablePersistableRecord, Identifiable {
    public static let databaseTableName = "alert"

    public var id: Int64?
    /// Same condition, same text: one open alert each.
    public var fingerprint: String
    public var kind: AlertKind
    public var severity: AlertSeverity
    /// What it is about, such as a device id or a group.
    public var subject: String
    public var title: String
    public var reason: String
    /// What to do about it.
    public var action: String
    public var occurrences: Int
    public var openedAt: Instant
    public var updatedAt: Instant
    public var closedAt: Instant?
    public var acknowledgedAt: Instant?
    public var acknowledgedBy: String?

    public init(
        id: Int64? = nil, fingerprint: String, kind: AlertKind, severity: AlertSeverity, subject: String, title: String,
        reason: String, action: String, occurrences: Int = 1, openedAt: Instant, updatedAt: Instant,
        closedAt: Instant? = nil, acknowledgedAt: Instant? = nil, acknowledgedBy: String? = nil
    ) {
        self.id = id
        self.fingerprint = fingerprint
        self.kind = kind
        self.severity = severity
        self.subject = subject
        self.title = title
        self.reason = reason
        self.action = action
        self.occurrences = occurrences
        self.openedAt = openedAt
        self.updatedAt = updatedAt
        self.closedAt = closedAt
        self.acknowledgedAt = acknowledgedAt
        self.acknowledgedBy = acknowledgedBy
    }

    public mutating func didInsert(_ inserted: InsertionSuccess) { id = inserted.rowID }
}

/// What an alert is about.
public enum AlertKind: String, Codable, Hashable, Sendable, CaseIterable, DatabaseValueConvertible {
    case drift, accuracy, rollout, training, ingest, delivery, trust, identity
}

/// How urgent an alert is.
public enum AlertSeverity: String, Codable, Hashable, Sendable, CaseIterable, DatabaseValueConvertible {
    case info, warning, critical
}

/// Where alerts go.
public struct WebhookRecord: Codable, Hashable, Sendable, FetchableRecord, MutablePersistableRecord, Identifiable {
    public static let databaseTableName = "webhook"

    public var id: Int64?
    public var url: String
    /// Key of the HMAC-SHA256 that signs each body.
    public var secret: String?
    /// Empty means all.
    public var kinds: [AlertKind]
    public var enabled: Bool
    public var createdAt: Instant
    public var createdBy: String

    public init(
        id: Int64? = nil, url: String, secret: String? = nil, kinds: [AlertKind] = [], enabled: Bool = true,
        createdAt: Instant, createdBy: String
    ) {
        self.id = id
        self.url = url
        self.secret = secret
        self.kinds = kinds
        self.enabled = enabled
        self.createdAt = createdAt
        self.createdBy = createdBy
    }

    public mutating func didInsert(_ inserted: InsertionSuccess) { id = inserted.rowID }
}

/// One message to a webhook, kept until it arrived or was given up.
public struct WebhookDeliveryRecord: Codable, Hashable, Sendable, FetchableRecord, MutablePersistableRecord,
    Identifiable
{
    public static let databaseTableName = "webhook_delivery"

    public var id: Int64?
    public var webhook: Int64
    public var alert: Int64
    public var body: Data
    public var state: WebhookDeliveryState
    public var attempts: Int
    public var nextAt: Instant
    public var lastError: String?
    public var createdAt: Instant
    public var deliveredAt: Instant?

    public init(
        id: Int64? = nil, webhook: Int64, alert: Int64, body: Data, state: WebhookDeliveryState, attempts: Int = 0,
        nextAt: Instant, lastError: String? = nil, createdAt: Instant, deliveredAt: Instant? = nil
    ) {
        self.id = id
        self.webhook = webhook
        self.alert = alert
        self.body = body
        self.state = state
        self.attempts = attempts
        self.nextAt = nextAt
        self.lastError = lastError
        self.createdAt = createdAt
        self.deliveredAt = deliveredAt
    }

    public mutating func didInsert(_ inserted: InsertionSuccess) { id = inserted.rowID }
}

/// State of a message to a webhook.
public enum WebhookDeliveryState: String, Codable, Hashable, Sendable, DatabaseValueConvertible {
    case pending, delivered, failed
}

/// A command that changed something; each entry's hash covers the one before.
public struct AuditEntryRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "audit_entry"

    /// From 1, without gaps.
    public var number: Int64
    public var at: Instant
    public var identity: String
    public var role: Role
    /// Such as `rollouts.start`.
    public var command: String
    /// What it was applied to.
    public var subject: String
    /// JSON object.
    public var detail: String
    public var reason: String
    /// Hash of the entry before; zeros for the first.
    public var previous: Digest
    public var hash: Digest

    public init(
        number: Int64, at: Instant, identity: String, role: Role, command: String, subject: String, detail: String,
        reason: String, previous: Digest, hash: Digest
    ) {
        self.number = number
        self.at = at
        self.identity = identity
        self.role = role
        self.command = command
        self.subject = subject
        self.detail = detail
        self.reason = reason
        self.previous = previous
        self.hash = hash
    }
}

/// A value that must survive a restart.
public struct SettingRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "setting"

    public var key: String
    public var value: String

    public init(key: String, value: String) {
        self.key = key
        self.value = value
    }
}
