/// Who may sign: a document that the offline root signs and every device pins through the root's key.
public struct TrustRoles: Hashable, Sendable {
    /// Rises with every document; a device refuses one that is below what it holds.
    public var number: UInt64
    public var expires: Instant
    public var releaseKeys: [TrustedKey]
    /// Distinct release keys that must have signed a manifest (k of n).
    public var threshold: Int

    public init(number: UInt64, expires: Instant, releaseKeys: [TrustedKey], threshold: Int) {
        self.number = number
        self.expires = expires
        self.releaseKeys = releaseKeys
        self.threshold = threshold
    }
}

/// A public Ed25519 key with the person who holds its private half.
public struct TrustedKey: Hashable, Sendable {
    public var id: KeyID
    /// 32 bytes (RFC 8032).
    public var publicKey: [UInt8]
    public var holder: String

    public init(id: KeyID, publicKey: [UInt8], holder: String) {
        self.id = id
        self.publicKey = publicKey
        self.holder = holder
    }
}
