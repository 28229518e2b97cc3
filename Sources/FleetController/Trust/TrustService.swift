import FleetCrypto
import FleetModel
public import FleetStore
import FleetWire
import Foundation
import GRDB

/// Who may sign releases, as the offline root says it.
public struct TrustService: Sendable {
    let context: ControllerContext
    /// Called after something changed that a device must be told.
    let deliver: @Sendable () -> Void

    /// All keys that were ever trusted.
    public func keys() async throws -> [TrustedKeyRecord] {
        try await context.read { try TrustedKeyRecord.order(Column("createdAt"), Column("id")).fetchAll($0) }
    }

    /// The role document in force; nil before the first.
    public func document() async throws -> TrustDocumentRecord? {
        try await context.read { try TrustRows.document($0) }
    }

    /// Takes a role document that the root signed; devices get it at `trust/roles`.
    ///
    /// - Parameters:
    ///   - message: the encoded COSE_Sign message.
    ///   - root: raw public key of the root that devices pin, 32 bytes.
    public func install(_ message: [UInt8], root: [UInt8], by caller: Identity) async throws {
        let signed = try COSESign(decoding: message)
        let rootKey = try VerificationKey(raw: root)
        do {
            try signed.verify(
                threshold: 1, keys: [TrustedKey(id: rootKey.keyID, publicKey: root, holder: "root")], context: .roles
            ) { key, signature, message in
                (try? VerificationKey(raw: key))?.verify(signature: signature, message: message) ?? false
            }
        } catch {
            throw ControllerError(.badSignature, "the role document is not signed by the root: \(error)")
        }
        let roles = try TrustRoles(decoding: signed.payload)
        try await context.perform(Command("trust.install", by: caller, role: .admin, subject: roles.number)) {
            database, scope in
            if let current = try TrustRows.document(database), current.number >= Int64(roles.number) {
                throw ControllerError(
                    .conflict, "role document \(current.number) is in force, not below \(roles.number)")
            }
            try TrustDocumentRecord(
                number: Int64(roles.number), message: Data(message), threshold: roles.threshold,
                expiresAt: roles.expires, createdAt: scope.now
            ).insert(database)
            try Self.replaceKeys(database, roles.releaseKeys, root: root, rootID: rootKey.keyID, at: scope.now)
            scope.detail = [
                "keys": roles.releaseKeys.map(\.id.text).joined(separator: ","), "threshold": "\(roles.threshold)",
            ]
        }
        deliver()
    }

    private static func replaceKeys(
        _ database: Database, _ keys: [TrustedKey], root: [UInt8], rootID: KeyID, at now: Instant
    ) throws {
        try database.execute(
            sql: "UPDATE trusted_key SET revokedAt = ? WHERE revokedAt IS NULL AND use = 'release'", arguments: [now])
        for key in keys {
            let old = try TrustedKeyRecord.fetchOne(database, key: key.id)
            try TrustedKeyRecord(
                id: key.id, publicKey: Data(key.publicKey), holder: key.holder, use: .release,
                createdAt: old?.createdAt ?? now
            ).save(database)
        }
        try TrustedKeyRecord(id: rootID, publicKey: Data(root), holder: "root", use: .root, createdAt: now)
            .insert(database, onConflict: .ignore)
    }
}
