public import FleetModel

/// A role document whose signature leads back to a root key that is trusted already. Device, controller and the tools
/// of whoever holds the root read it the same way.
public struct SignedRoles: Hashable, Sendable {
    public let roles: TrustRoles
    /// The root that signed the document: the one that was trusted, or the end of the chain of rotations from it.
    public let root: TrustedKey

    /// Reads a role document that `pinned`, or a root that it leads to, must have signed.
    ///
    /// - Throws: `WireError.Code.tooFewSignatures` when a signature is missing or wrong, other codes for what is no
    ///   role document at all.
    public init(
        decoding message: [UInt8], pinned: TrustedKey, using verifier: COSESign.Verifier
    ) throws(WireError) {
        let signed = try COSESign(decoding: message)
        // Only the rotations are used before the document's own signature holds; each has signatures of its own.
        roles = try TrustRoles(decoding: signed.payload)
        root = try Self.newest(from: pinned, by: roles.rotations, using: verifier)
        do {
            try signed.verify(threshold: 1, keys: [root], context: .roles, using: verifier)
        } catch {
            throw WireError(.tooFewSignatures, "role document \(roles.number) is not signed by the pinned root")
        }
    }

    /// The root that a chain of rotations leads to from `pinned`. Rotations up to the pinned key are history; each one
    /// after it must be signed by the key before it and by the key that it names.
    private static func newest(
        from pinned: TrustedKey, by chain: [[UInt8]], using verifier: COSESign.Verifier
    ) throws(WireError) -> TrustedKey {
        var links: [(signed: COSESign, rotation: RootRotation)] = []
        for message in chain {
            let signed = try COSESign(decoding: message)
            links.append((signed, try RootRotation(decoding: signed.payload)))
        }
        let start = links.lastIndex { $0.rotation.key.publicKey == pinned.publicKey }.map { $0 + 1 } ?? 0
        var root = pinned
        for link in links[start...] {
            do {
                try link.signed.verify(
                    threshold: 2, keys: [root, link.rotation.key], context: .root, using: verifier)
            } catch {
                throw WireError(
                    .tooFewSignatures,
                    "root \(link.rotation.number) is not signed by itself and by the root before it")
            }
            root = link.rotation.key
        }
        return root
    }
}
