import FleetStore
import GRDB

/// Reading who may sign, inside a transaction.
enum TrustRows {
    /// The role document in force; nil before the first.
    static func document(_ database: Database) throws -> TrustDocumentRecord? {
        try TrustDocumentRecord.order(Column("number").desc).fetchOne(database)
    }

    /// Distinct release keys that a release needs. Without a role document nothing can be approved.
    static func threshold(_ database: Database) throws -> Int {
        try document(database)?.threshold ?? .max
    }
}
