import FleetModel
import GRDB

/// Which alerts to list.
public enum AlertState: String, Hashable, Sendable, CaseIterable {
    case open, closed, all
}

/// Which audit entries to list; empty texts mean any.
public struct AuditFilter: Hashable, Sendable {
    public var identity: String
    public var command: String
    public var subject: String

    public init(identity: String = "", command: String = "", subject: String = "") {
        self.identity = identity
        self.command = command
        self.subject = subject
    }
}

extension FleetQueries {
    /// Alerts, newest first.
    public func alerts(
        state: AlertState, kind: AlertKind? = nil, before: Int64? = nil, limit: Int
    ) async throws -> ListPage<AlertRecord> {
        try await database.read { database in
            var request = AlertRecord.order(Column("id").desc).limit(limit + 1)
            switch state {
            case .open: request = request.filter(Column("closedAt") == nil)
            case .closed: request = request.filter(Column("closedAt") != nil)
            case .all: break
            }
            if let kind { request = request.filter(Column("kind") == kind) }
            if let before { request = request.filter(Column("id") < before) }
            return ListPage(cutting: try request.fetchAll(database), to: limit) { $0.id.map(String.init) }
        }
    }

    public func alert(_ id: Int64) async throws -> AlertRecord? {
        try await database.read { try AlertRecord.fetchOne($0, key: id) }
    }

    /// Open alerts by kind.
    public func openAlerts() async throws -> [AlertKind: Int] {
        try await database.read { database in
            var counts: [AlertKind: Int] = [:]
            for row in try Row.fetchAll(
                database, sql: "SELECT kind, COUNT(*) AS total FROM alert WHERE closedAt IS NULL GROUP BY kind")
            {
                counts[row["kind"]] = row["total"]
            }
            return counts
        }
    }

    /// Audit entries, newest first.
    public func audit(_ filter: AuditFilter, before: Int64? = nil, limit: Int) async throws -> ListPage<
        AuditEntryRecord
    > {
        try await database.read { database in
            var request = AuditEntryRecord.order(Column("number").desc).limit(limit + 1)
            if !filter.identity.isEmpty { request = request.filter(Column("identity") == filter.identity) }
            if !filter.command.isEmpty { request = request.filter(Column("command").like("\(filter.command)%")) }
            if !filter.subject.isEmpty { request = request.filter(Column("subject").like("%\(filter.subject)%")) }
            if let before { request = request.filter(Column("number") < before) }
            return ListPage(cutting: try request.fetchAll(database), to: limit) { String($0.number) }
        }
    }

    public func webhooks() async throws -> [WebhookRecord] {
        try await database.read { try WebhookRecord.order(Column("id")).fetchAll($0) }
    }

    public func tokens() async throws -> [TokenRecord] {
        try await database.read { try TokenRecord.order(Column("id")).fetchAll($0) }
    }

    /// Claims, newest first.
    public func claims(limit: Int) async throws -> [EnrolmentClaimRecord] {
        try await database.read {
            try EnrolmentClaimRecord.order(Column("createdAt").desc, Column("id")).limit(limit).fetchAll($0)
        }
    }

    public func policies() async throws -> [PolicyRecord] {
        try await database.read { try PolicyRecord.order(Column("name")).fetchAll($0) }
    }

    public func policy(_ name: String) async throws -> PolicyRecord? {
        try await database.read { try PolicyRecord.fetchOne($0, key: name) }
    }

    /// Training runs, newest first.
    public func trainingRuns(before: Int64? = nil, limit: Int) async throws -> ListPage<TrainingRunRecord> {
        try await database.read { database in
            var request = TrainingRunRecord.order(Column("id").desc).limit(limit + 1)
            if let before { request = request.filter(Column("id") < before) }
            return ListPage(cutting: try request.fetchAll(database), to: limit) { $0.id.map(String.init) }
        }
    }

    public func trainingRun(_ id: Int64) async throws -> TrainingRunRecord? {
        try await database.read { try TrainingRunRecord.fetchOne($0, key: id) }
    }

    /// Datasets with their versions, newest version first.
    public func datasets() async throws -> [(dataset: DatasetRecord, frames: Int, versions: [DatasetVersionRecord])] {
        try await database.read { database in
            try DatasetRecord.order(Column("name")).fetchAll(database).map { dataset in
                let own = Column("dataset") == dataset.name
                return (
                    dataset, try DatasetFrameRecord.filter(own).fetchCount(database),
                    try DatasetVersionRecord.filter(own).order(Column("number").desc).fetchAll(database)
                )
            }
        }
    }
}
