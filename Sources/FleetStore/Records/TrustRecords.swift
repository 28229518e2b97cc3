public import FleetModel
public import Foundation
public import GRDB

/// A person or a program that gives commands.
public struct IdentityRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "identity"

    public var name: String
    public var createdAt: Instant

    public init(name: String, createdAt: Instant) {
        self.name = name
        self.createdAt = createdAt
    }
}

/// What an identity may do; each role may do all that the ones before it may.
public enum Role: String, Codable, Hashable, Sendable, CaseIterable, Comparable, DatabaseValueConvertible {
    /// Looks.
    case viewer
    /// Labels samples.
    case annotator
    /// Runs devices, models, rollouts, training.
    case `operator`
    /// Hands in signatures.
    case approver
    /// Makes tokens and webhooks.
    case admin

    private var rank: Int {
        switch self {
        case .viewer: 0
        case .annotator: 1
        case .operator: 2
        case .approver: 3
        case .admin: 4
        }
    }

    public static func < (a: Role, b: Role) -> Bool { a.rank < b.rank }
}

/// A bearer token; only the SHA-256 of its text is kept, which is enough for 256 random bits.
public struct TokenRecord: Codable, Hashable, Sendable, FetchableRecord, MutablePersistableRecord, Identifiable {
    public static let databaseTableName = "token"

    public var id: Int64?
    public var identity: String
    public var role: Role
    public var hash: Digest
    public var note: String
    public var createdAt: Instant
    public var expiresAt: Instant?
    public var lastUsedAt: Instant?
    public var revokedAt: Instant?

    public init(
        id: Int64? = nil, identity: String, role: Role, hash: Digest, note: String = "", createdAt: Instant,
        expiresAt: Instant? = nil, lastUsedAt: Instant? = nil, revokedAt: Instant? = nil
    ) {
        self.id = id
        self.identity = identity
        self.role = role
        self.hash = hash
        self.note = note
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.lastUsedAt = lastUsedAt
        self.revokedAt = revokedAt
    }

    public mutating func didInsert(_ inserted: InsertionSuccess) { id = inserted.rowID }
}

/// A public key with the person who holds its private half.
public struct TrustedKeyRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord, Identifiable {
    public static let databaseTableName = "trusted_key"

    public var id: KeyID
    /// 32 bytes (RFC 8032).
    public var publicKey: Data
    public var holder: String
    public var use: KeyUse
    public var createdAt: Instant
    public var revokedAt: Instant?

    public init(
        id: KeyID, publicKey: Data, holder: String, use: KeyUse, createdAt: Instant, revokedAt: Instant? = nil
    ) {
        self.id = id
        self.publicKey = publicKey
        self.holder = holder
        self.use = use
        self.createdAt = createdAt
        self.revokedAt = revokedAt
    }
}

/// What a key may sign.
public enum KeyUse: String, Codable, Hashable, Sendable, DatabaseValueConvertible {
    /// Role documents.
    case root
    /// Releases.
    case release
    /// The time.
    case time
    /// Releases within a delegation.
    case automation
}

/// A role document that the root signed.
public struct TrustDocumentRecord: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    public static let databaseTableName = "trust_document"

    public var number: Int64
    /// The encoded COSE_Sign message.
    public var message: Data
    /// Distinct release keys that a release needs.
    public var threshold: Int
    public var expiresAt: Instant
    public var createdAt: Instant

    public init(number: Int64, message: Data, threshold: Int, expiresAt: Instant, createdAt: Instant) {
        self.number = number
        self.message = message
        self.threshold = threshold
        self.expiresAt = expiresAt
        self.createdAt = createdAt
    }
}
