import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation
import GRDB

/// Reading and writing who may sign, inside a transaction.
enum TrustRows {
    /// The role document in force; nil before the first.
    static func document(_ database: Database) throws -> TrustDocumentRecord? {
        try TrustDocumentRecord.first(database, where: "true ORDER BY number DESC LIMIT 1", [])
    }

    /// What it says. Its signatures were checked when it was taken.
    static func roles(_ database: Database) throws -> TrustRoles? {
        try document(database).map(roles(of:))
    }

    static func roles(of document: TrustDocumentRecord) throws -> TrustRoles {
        try TrustRoles(decoding: COSESign(decoding: [UInt8](document.message)).payload)
    }

    /// Distinct release keys that a release needs. Without a role document nothing can be approved.
    static func threshold(_ database: Database) throws -> Int {
        try document(database)?.threshold ?? .max
    }

    /// Every root that the fleet had, oldest first.
    static func roots(_ database: Database) throws -> [TrustedKeyRecord] {
        try TrustedKeyRecord.filter(Column("use") == KeyUse.root).order(
            Column("createdAt"), Column("revokedAt").ascNullsLast
        )
        .fetchAll(database)
    }

    /// The root that new devices pin: the newest. Nil while there is none but the controller's own first one.
    static func pinned(_ database: Database) throws -> TrustedKeyRecord? {
        try roots(database).first { $0.revokedAt == nil }
    }

    /// Makes the keys of a new role document the trusted ones; the others remain as history.
    static func replaceKeys(
        _ database: Database, _ roles: TrustRoles, root: TrustedKey, first: TrustedKey?, at now: Instant
    ) throws {
        let keys =
            roles.releaseKeys.map { ($0, KeyUse.release) } + roles.timeKeys.map { ($0, .time) }
            + roles.delegations.map { ($0.key, .automation) }
        try database.execute(
            sql: "UPDATE trusted_key SET revokedAt = ? WHERE revokedAt IS NULL AND use <> 'root'", arguments: [now])
        for (key, use) in keys { try save(database, key, use, at: now) }
        if let first, try roots(database).isEmpty { try save(database, first, .root, at: now) }
        for rotation in roles.rotations {
            let next = try RootRotation(decoding: COSESign(decoding: rotation).payload).key
            guard try TrustedKeyRecord.fetchOne(database, key: next.id) == nil else { continue }
            try save(database, next, .root, at: now)
        }
        try database.execute(
            sql: "UPDATE trusted_key SET revokedAt = ? WHERE revokedAt IS NULL AND use = 'root' AND id <> ?",
            arguments: [now, root.id])
    }

    private static func save(_ database: Database, _ key: TrustedKey, _ use: KeyUse, at now: Instant) throws {
        let old = try TrustedKeyRecord.fetchOne(database, key: key.id)
        if let old, old.use == .root || use == .root, old.use != use {
            throw ControllerError(.invalid, "\(key.holder)'s key \(key.id) is a root and something else too")
        }
        try TrustedKeyRecord(
            id: key.id, publicKey: Data(key.publicKey), holder: key.holder, use: use, createdAt: old?.createdAt ?? now
        ).save(database)
    }
}
