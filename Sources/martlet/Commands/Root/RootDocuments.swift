import FleetCrypto
import FleetModel
import FleetWire

/// Makes the documents that only the root makes. Pure: files and keys are given.
enum RootDocuments {
    /// A role document after `previous`, under the same root.
    ///
    /// - Parameter previous: the document in force, which this root must have signed; nil for a fleet's first.
    static func sign(
        _ description: RolesDescription, after previous: [UInt8]?, root: SigningKey, at now: Instant
    ) throws -> [UInt8] {
        let before = try previous.map { try held($0, by: root) }
        return try signed(
            roles(
                description, number: (before?.number ?? 0) + 1, rotations: before?.rotations ?? []), by: root, at: now)
    }

    /// The next root, and the roles again (or new ones) under it.
    static func rotate(
        _ previous: [UInt8], description: RolesDescription?, old: SigningKey, new: SigningKey, holder: String,
        at now: Instant
    ) throws -> [UInt8] {
        let before = try held(previous, by: old)
        guard before.rotations.count < WireLimits.rotations else {
            throw RootError("a chain has at most \(WireLimits.rotations) rotations: start a new fleet root")
        }
        let rotation = RootRotation(
            number: UInt64(before.rotations.count + 2),
            key: new.trusted(holder: holder))
        let seen = try before.rotations.map { try RootRotation(decoding: COSESign(decoding: $0).payload).key.publicKey }
        guard new.publicKey != old.publicKey, !seen.contains(new.publicKey) else {
            throw RootError("\(new.keyID) is or was a root of this fleet: make a new key")
        }
        var link = COSESign(payload: rotation.encoded())
        try link.sign(.root, keyID: old.keyID, using: old.sign)
        try link.sign(.root, keyID: new.keyID, using: new.sign)
        let chain = before.rotations + [link.encoded()]
        var next =
            description.map { roles($0, number: before.number + 1, rotations: chain) } ?? before
        next.number = before.number + 1
        next.rotations = chain
        return try signed(next, by: new, at: now)
    }

    /// A document that this very root signed.
    private static func held(_ message: [UInt8], by root: SigningKey) throws -> TrustRoles {
        let pinned = root.trusted(holder: "root")
        let document: SignedRoles
        do { document = try SignedRoles(decoding: message, pinned: pinned, using: VerificationKey.check) } catch {
            throw RootError("the previous role document was not signed by root \(root.keyID): \(error)")
        }
        guard document.root.publicKey == root.publicKey else {
            throw RootError(
                "the previous role document was signed by root \(document.root.id), which replaced this one")
        }
        return document.roles
    }

    private static func roles(_ description: RolesDescription, number: UInt64, rotations: [[UInt8]]) -> TrustRoles {
        TrustRoles(
            number: number, expires: description.expires, releaseKeys: description.releaseKeys,
            threshold: description.threshold, rotations: rotations, timeKeys: description.timeKeys,
            delegations: description.delegations)
    }

    private static func signed(_ roles: TrustRoles, by root: SigningKey, at now: Instant) throws -> [UInt8] {
        if let fault = RolesCheck.fault(in: roles) { throw RootError(fault) }
        guard roles.expires > now else { throw RootError("the roles would have expired already") }
        var message = COSESign(payload: roles.encoded())
        try message.sign(.roles, keyID: root.keyID, using: root.sign)
        let bytes = message.encoded()
        guard bytes.count <= WireLimits.controlBytes else {
            throw RootError("the document has \(bytes.count) bytes, at most \(WireLimits.controlBytes)")
        }
        return bytes
    }
}
