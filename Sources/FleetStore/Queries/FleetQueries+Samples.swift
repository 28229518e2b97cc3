public import FleetModel
import GRDB

/// Which samples to list.
public enum SampleState: String, Hashable, Sendable, CaseIterable {
    case open, annotated, all
}

/// In which order to list samples.
public enum SampleOrder: String, Hashable, Sendable, CaseIterable {
    case newest
    /// Another order at every call, in a single page.
    case random
}

/// Counts for the annotator.
public struct SampleCounts: Hashable, Sendable {
    public var open: Int
    public var annotated: Int
    public var unusable: Int
    /// Annotated ones whose class is the model's guess.
    public var agreed: Int

    public var total: Int { open + annotated }
}

extension FleetQueries {
    /// Samples of the devices that a selector picks by the tags that they had.
    public func samples(
        state: SampleState, selector: Selector = .all, order: SampleOrder = .newest, before: Int64? = nil, limit: Int
    ) async throws -> ListPage<SampleRecord> {
        try await database.read { database in
            var request =
                order == .newest ? SampleRecord.order(Column("id").desc) : SampleRecord.order(sql: "RANDOM()")
            switch state {
            case .open: request = request.filter(Column("verdict") == nil)
            case .annotated: request = request.filter(Column("verdict") != nil)
            case .all: break
            }
            if let before { request = request.filter(Column("id") < before) }
            var items: [SampleRecord] = []
            let cursor = try request.fetchCursor(database)
            while items.count <= limit, let sample = try cursor.next() {
                if selector.matches(sample.device, tags: sample.tags) { items.append(sample) }
            }
            return ListPage(cutting: items, to: limit) { order == .newest ? $0.id.map(String.init) : nil }
        }
    }

    public func sample(_ id: Int64) async throws -> SampleRecord? {
        try await database.read { try SampleRecord.fetchOne($0, key: id) }
    }

    /// The open sample that the model was least sure of, leaving out some.
    public func nextSample(skipping skipped: [Int64] = []) async throws -> SampleRecord? {
        try await database.read { database in
            try SampleRecord.filter(Column("verdict") == nil && !skipped.contains(Column("id")))
                .order(Column("margin"), Column("id")).fetchOne(database)
        }
    }

    /// A sample's verdicts, newest first.
    public func annotations(of sample: Int64) async throws -> [AnnotationRecord] {
        try await database.read {
            try AnnotationRecord.filter(Column("sample") == sample).order(Column("id").desc).fetchAll($0)
        }
    }

    public func sampleCounts() async throws -> SampleCounts {
        try await database.read { database in
            let row = try Row.fetchOne(
                database,
                sql: """
                    SELECT COUNT(*) AS total, COUNT(verdict) AS annotated,
                        COUNT(CASE WHEN verdict = 'unusable' THEN 1 END) AS unusable,
                        COUNT(CASE WHEN verdict = 'class' AND verdictClass = predictedClass THEN 1 END) AS agreed
                    FROM sample
                    """)
            let total: Int = row?["total"] ?? 0
            let annotated: Int = row?["annotated"] ?? 0
            return SampleCounts(
                open: total - annotated, annotated: annotated, unusable: row?["unusable"] ?? 0,
                agreed: row?["agreed"] ?? 0)
        }
    }

    /// Shape and classes of the version that a sample came from.
    public func version(_ id: VersionID) async throws -> VersionRecord? {
        try await database.read { database in
            try VersionRecord.filter(Column("model") == id.model.text && Column("number") == id.number)
                .fetchOne(database)
        }
    }
}
