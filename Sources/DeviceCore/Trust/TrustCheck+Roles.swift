public import FleetModel
import FleetWire

/// A role document that holds, and the root key that it leaves pinned.
public struct AcceptedRoles: Hashable, Sendable {
    public let roles: TrustRoles
    /// The key that signed the document: to be pinned from now on, in place of the one before.
    public let root: TrustedKey
}

extension TrustCheck {
    /// Reads a role document that must be signed by the pinned root, or by one that the pinned root leads to.
    ///
    /// - Parameters:
    ///   - root: the pinned root key.
    ///   - held: the document that the device holds; an older one is refused (rollback attack), the same is accepted.
    public func roles(
        _ message: [UInt8], root: TrustedKey, held: TrustRoles?, at now: Instant
    ) throws(Refusal) -> AcceptedRoles {
        let signed = try Self.read("role document") { () throws(WireError) in
            try SignedRoles(decoding: message, pinned: root, using: functions.verify)
        }
        let roles = signed.roles
        if let held, roles.number < held.number {
            throw Refusal(.oldCounter, "role document \(roles.number), held is \(held.number)")
        }
        guard now < roles.expires else { throw Refusal(.expired, "role document \(roles.number) has expired") }
        guard roles.threshold >= 1, roles.threshold <= roles.releaseKeys.count else {
            throw Refusal(
                .malformedManifest, "threshold \(roles.threshold) of \(roles.releaseKeys.count) release keys")
        }
        return AcceptedRoles(roles: roles, root: signed.root)
    }

    /// Reads a signed time. Believed only from a key that the role document lists for it, and only up to the document's
    /// own expiry: a stolen time key cannot make the root's word expire.
    public func time(_ message: [UInt8], roles: TrustRoles) throws(Refusal) -> Instant {
        let signed = try Self.read("time") { () throws(WireError) in try COSESign(decoding: message) }
        do {
            try signed.verify(threshold: 1, keys: roles.timeKeys, context: .time, using: functions.verify)
        } catch {
            throw Refusal(.badSignature, "the time is not signed by a time key of role document \(roles.number)")
        }
        let time = try Self.read("time") { () throws(WireError) in try SignedTime(decoding: signed.payload) }
        guard time.now < roles.expires else {
            throw Refusal(.expired, "the time is past the expiry of role document \(roles.number)")
        }
        return time.now
    }
}
