import FleetCrypto
public import FleetModel
public import FleetStore
import FleetWire
import Foundation
import GRDB

/// Who may sign, as the offline root says it, and what the controller itself may sign of that: the time, and releases
/// within a delegation.
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

    /// The document in force with all that people want to know of it; nil before the first.
    public func overview() async throws -> TrustOverview? {
        let now = context.now()
        let keys = ServiceKeys(context.configuration)
        return try await context.read { database in
            guard let document = try TrustRows.document(database) else { return nil }
            let roles = try TrustRows.roles(of: document)
            return TrustOverview(
                document: document, roles: roles, roots: try TrustRows.roots(database),
                expiry: RolesExpiry(of: roles, at: now), signedTime: keys.timeState(roles, at: now),
                automationKey: keys.automation()?.keyID)
        }
    }

    /// Takes a role document that the root signed; devices get it at `trust/roles`.
    ///
    /// It must lead from *every* root that the fleet ever had to the one that signed it, so that no device is left
    /// behind, and follow the one in force.
    /// - Parameter message: the encoded COSE_Sign message.
    @discardableResult
    public func install(_ message: [UInt8], by caller: Identity) async throws -> TrustDocumentRecord {
        try await install(message, firstRoot: try PinnedRoot.read(context.configuration), by: caller)
    }

    @discardableResult
    func install(
        _ message: [UInt8], firstRoot: TrustedKey?, by caller: Identity
    ) async throws -> TrustDocumentRecord {
        let installed = try await context.perform(
            Command("trust.install", by: caller, role: .admin, subject: SHA256.hash(message))
        ) { database, scope in
            let signed = try Self.verified(message, from: try TrustRows.roots(database), or: firstRoot)
            try Self.check(signed.roles, against: try TrustRows.document(database), at: scope.now)
            let roles = signed.roles
            let record = TrustDocumentRecord(
                number: Int64(roles.number), message: Data(message), threshold: roles.threshold,
                expiresAt: roles.expires, createdAt: scope.now)
            try record.insert(database)
            try TrustRows.replaceKeys(database, roles, root: signed.root, first: firstRoot, at: scope.now)
            try TrustWatch.look(database, at: scope.now, changes: &scope.changes)
            scope.subject = "\(roles.number)"
            scope.detail = [
                "keys": roles.releaseKeys.map(\.id.text).joined(separator: ","), "threshold": "\(roles.threshold)",
                "root": signed.root.id.text, "digest": SHA256.hash(message).hex,
            ]
            return record
        }
        deliver()
        return installed
    }

    private static func verified(
        _ message: [UInt8], from roots: [TrustedKeyRecord], or first: TrustedKey?
    ) throws -> SignedRoles {
        var pinned = roots.map { TrustedKey(id: $0.id, publicKey: [UInt8]($0.publicKey), holder: $0.holder) }
        if pinned.isEmpty, let first { pinned = [first] }
        guard !pinned.isEmpty else {
            throw ControllerError(.wrongState, "no root is pinned yet", hint: "start with martlet serve once")
        }
        var read: SignedRoles?
        for root in pinned {
            do { read = try SignedRoles(decoding: message, pinned: root, using: VerificationKey.check) } catch {
                guard error.code == .tooFewSignatures else {
                    throw ControllerError(.invalid, "this is no role document: \(error)")
                }
                throw ControllerError(
                    .badSignature, "the role document does not lead from root \(root.id): \(error.context)",
                    hint: "sign it with the root in force, or rotate: martlet root rotate")
            }
        }
        guard let read else { throw ControllerError(.invalid, "this is no role document") }
        return read
    }

    private static func check(_ roles: TrustRoles, against current: TrustDocumentRecord?, at now: Instant) throws {
        if let current, current.number >= Int64(roles.number) {
            throw ControllerError(
                .conflict, "role document \(current.number) is in force, \(roles.number) is not above it",
                hint: "make it with --previous and the document of martlet root show --out")
        }
        if let fault = RolesCheck.fault(in: roles) {
            throw ControllerError(.invalid, "role document \(roles.number): \(fault)")
        }
        guard roles.expires > now else {
            throw ControllerError(
                .invalid, "role document \(roles.number) has expired already: no device would take it",
                hint: "sign one that lasts")
        }
    }
}

/// The role document in force, and what follows from it.
public struct TrustOverview: Sendable {
    public var document: TrustDocumentRecord
    public var roles: TrustRoles
    /// Every root that the fleet had, oldest first; the last one is in force.
    public var roots: [TrustedKeyRecord]
    public var expiry: RolesExpiry
    public var signedTime: SignedTimeState
    /// The automation key that lies here, listed in a delegation or not.
    public var automationKey: KeyID?
}
