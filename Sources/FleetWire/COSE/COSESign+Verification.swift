public import FleetModel

extension COSESign {
    /// Checks one Ed25519 signature: (public key, signature, message) → whether it is valid.
    public typealias Verifier = (_ publicKey: [UInt8], _ signature: [UInt8], _ message: [UInt8]) -> Bool

    /// Who signed, if at least `threshold` *distinct* trusted keys did.
    ///
    /// A key counts once, however often it signed and under however many names it is listed; signatures by other keys
    /// and broken ones count for nothing but do no harm either.
    /// - Returns: The ids of the keys whose signatures are valid, in the message's order.
    /// - Throws: `WireError.Code.tooFewSignatures`.
    @discardableResult
    public func verify(
        threshold: Int, keys: [TrustedKey], context: Context, using verifier: Verifier
    ) throws(WireError) -> [KeyID] {
        var signers: [KeyID] = []
        var counted: Set<[UInt8]> = []
        for signature in signatures {
            guard let key = keys.first(where: { $0.id == signature.keyID }), !counted.contains(key.publicKey) else {
                continue
            }
            let message = Self.toBeSigned(payload: payload, context: context, keyID: signature.keyID)
            guard verifier(key.publicKey, signature.signature, message) else { continue }
            counted.insert(key.publicKey)
            signers.append(signature.keyID)
        }
        guard threshold > 0, signers.count >= threshold else {
            throw WireError(.tooFewSignatures, "\(signers.count) of \(max(threshold, 1))")
        }
        return signers
    }
}
