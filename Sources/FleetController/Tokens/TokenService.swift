import FleetCrypto
public import FleetModel
public import FleetStore
import Foundation
import GRDB

/// A new token; its text is shown once and kept nowhere.
public struct NewToken: Sendable {
    public var record: TokenRecord
    /// `mrt_` and 43 characters (256 random bits in base64url).
    public var text: String
}

/// Bearer tokens: who may do what.
public struct TokenService: Sendable {
    /// What every token's text starts with, so that scanners find leaked ones.
    public static let prefix = "mrt_"
    /// Random bytes in a token.
    static let randomBytes = 32
    /// `lastUsedAt` is written at most this often for one token.
    static let lastUsedStep = Interval.minutes(1)

    let context: ControllerContext

    /// Makes a token for an identity, and the identity if it is new.
    public func create(
        identity: String, role: Role, note: String = "", expiresAt: Instant? = nil, by caller: Identity
    ) async throws -> NewToken {
        try await create(Self.text(), identity, role, note, expiresAt, by: caller)
    }

    private static func text() throws -> String { prefix + (try SecureRandom.token(byteCount: randomBytes)) }

    private func create(
        _ text: String, _ identity: String, _ role: Role, _ note: String, _ expiresAt: Instant?, by caller: Identity
    ) async throws -> NewToken {
        guard (1...64).contains(identity.count) else {
            throw ControllerError(.invalid, "an identity's name has 1 to 64 characters")
        }
        let hash = Self.hash(text)
        let record = try await context.perform(Command("tokens.create", by: caller, role: .admin, subject: identity)) {
            database, scope in
            if try IdentityRecord.fetchOne(database, key: identity) == nil {
                try IdentityRecord(name: identity, createdAt: scope.now).insert(database)
            }
            var record = TokenRecord(
                identity: identity, role: role, hash: hash, note: note, createdAt: scope.now, expiresAt: expiresAt)
            try record.insert(database)
            scope.detail = ["role": role.rawValue, "token": "\(record.id ?? 0)"]
            scope.changes = [ChangeEvent(.token, identity)]
            return record
        }
        return NewToken(record: record, text: text)
    }

    /// Ends a token.
    public func revoke(_ id: Int64, by caller: Identity) async throws {
        try await context.perform(Command("tokens.revoke", by: caller, role: .admin, subject: id)) { database, scope in
            guard var record = try TokenRecord.fetchOne(database, key: id) else {
                throw ControllerError.notFound("token", id)
            }
            record.revokedAt = record.revokedAt ?? scope.now
            try record.update(database)
            scope.detail = ["identity": record.identity]
            scope.changes = [ChangeEvent(.token, record.identity)]
        }
    }

    /// Who sent this token.
    ///
    /// - Throws: `ControllerError.Code.unauthenticated` for a token that is unknown, expired or revoked.
    public func authenticate(_ text: String) async throws -> Identity {
        let now = context.now()
        let hash = Self.hash(text)
        let found = try await context.read { try TokenRecord.filter(Column("hash") == hash).fetchOne($0) }
        guard let record = found, record.revokedAt == nil, record.expiresAt.map({ now < $0 }) ?? true else {
            throw ControllerError(
                .unauthenticated, "the token is unknown, expired or revoked",
                hint: "ask an admin for a new one (martlet token create)")
        }
        if record.lastUsedAt.map({ Self.lastUsedStep < now.since($0) }) ?? true {
            try await context.write { database, _ in
                try database.execute(
                    sql: "UPDATE token SET lastUsedAt = ? WHERE id = ?", arguments: [now, record.id])
            }
        }
        return Identity(name: record.identity, role: record.role)
    }

    /// Makes the first admin's token if no token was ever made; nil otherwise.
    ///
    /// - Parameter keep: puts the text where its owner finds it, before the token exists: a controller that is killed in
    ///   between leaves a text that opens nothing and makes another at its next start, never a token that nobody has.
    public func makeFirstAdmin(keep: (String) throws -> Void) async throws -> NewToken? {
        guard try await context.read({ try TokenRecord.fetchCount($0) }) == 0 else { return nil }
        let text = try Self.text()
        try keep(text)
        return try await create(text, "admin", .admin, "made at the first start", nil, by: .local)
    }

    static func hash(_ text: String) -> Digest { SHA256.hash([UInt8](text.utf8)) }
}
