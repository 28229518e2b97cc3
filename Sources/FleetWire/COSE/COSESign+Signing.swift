public import FleetModel

extension COSESign {
    /// Adds a signature for `context` by the key with this id; an older one of the same key is replaced.
    ///
    /// - Parameter sign: makes the Ed25519 signature of the bytes it is given.
    public mutating func sign<Failure: Error>(
        _ context: Context, keyID: KeyID, using sign: (_ toBeSigned: [UInt8]) throws(Failure) -> [UInt8]
    ) throws(Failure) {
        let signature = try sign(Self.toBeSigned(payload: payload, context: context, keyID: keyID))
        signatures.removeAll { $0.keyID == keyID }
        signatures.append(Signature(keyID: keyID, signature: signature))
    }
}
