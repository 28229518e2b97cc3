import FleetStore
import GRDB

/// Which sample people see next.
enum AnnotationQueue {
    /// Annotations so far, by whether the sample's device has an open drift alert.
    struct Counts {
        var drifted: Int
        var others: Int

        /// Kinds of group to try, the one that is behind its share first.
        func order(driftedShare: Double) -> [Bool] {
            let isBehind = Double(drifted) < driftedShare * Double(drifted + others + 1)
            return [isBehind, !isBehind]
        }
    }

    private static let isDrifted = """
        EXISTS (SELECT 1 FROM alert WHERE kind = 'drift' AND closedAt IS NULL AND alert.subject = sample.device)
        """

    static func counts(_ database: Database) throws -> Counts {
        let row = try Row.fetchOne(
            database,
            sql: """
                SELECT coalesce(sum(\(isDrifted)), 0) AS drifted, count(*) AS total
                FROM sample WHERE verdict IS NOT NULL
                """)
        let drifted: Int = row?["drifted"] ?? 0
        return Counts(drifted: drifted, others: (row?["total"] ?? 0) - drifted)
    }

    /// One at random among the open samples of a kind of group.
    static func pick(_ database: Database, drifted: Bool, skipping skipped: [Int64]) throws -> SampleRecord? {
        try SampleRecord.fetchOne(
            database,
            sql: """
                SELECT * FROM sample WHERE id IN (
                    SELECT id FROM sample
                    WHERE verdict IS NULL AND \(drifted ? "" : "NOT ")\(isDrifted)
                      AND id NOT IN (\(databaseQuestionMarks(count: skipped.count)))
                      AND NOT EXISTS (
                          SELECT 1 FROM sample AS other
                          WHERE other.frameDigest = sample.frameDigest AND other.verdict IS NOT NULL)
                    ORDER BY random() LIMIT 1)
                """, arguments: StatementArguments(skipped))
    }
}
