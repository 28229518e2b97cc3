public import FleetModel

/// The controller's answer to an `EnrolmentRequest`, signed by the authority that the claim names: so it counts over
/// plain HTTP too, and on a device that believes it is 1970.
public struct EnrolmentGrant: Sendable, Equatable {
    public var device: DeviceID
    /// The device's certificate, PEM.
    public var certificate: String
    /// The authority's certificate, PEM.
    public var authority: String
    /// What the device pins: the raw Ed25519 key of the root.
    public var rootKey: [UInt8]
    public var brokerHost: String
    public var brokerPort: Int
    public var topicPrefix: String
    /// Tags that releases may be bound to, as `device.conf` holds them: `side=R,line=3`.
    public var tags: String
    /// The authority's ECDSA signature (DER) of `transcript`.
    public var signature: [UInt8]

    public init(
        device: DeviceID, certificate: String, authority: String, rootKey: [UInt8], brokerHost: String,
        brokerPort: Int, topicPrefix: String, tags: String = "", signature: [UInt8] = []
    ) {
        self.device = device
        self.certificate = certificate
        self.authority = authority
        self.rootKey = rootKey
        self.brokerHost = brokerHost
        self.brokerPort = brokerPort
        self.topicPrefix = topicPrefix
        self.tags = tags
        self.signature = signature
    }

    /// UTF-8 bytes of `tags` at most; with its key they fill no line of `device.conf`.
    public static let tagBytes = 4000

    /// What is signed. Texts that may hold anything go in as their digests.
    public var transcript: [UInt8] {
        let lines = [
            "martlet/v1/enrolled", device.text, SHA256.hash(certificate.utf8).hex, SHA256.hash(authority.utf8).hex,
            Hexadecimal.text(rootKey), SHA256.hash(brokerHost.utf8).hex, "\(brokerPort)",
            SHA256.hash(topicPrefix.utf8).hex, SHA256.hash(tags.utf8).hex,
        ]
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// Checks that the authority of the claim gave this, for this device and this key.
    ///
    /// No date is looked at: a device may not know the time yet.
    /// - Throws: `notGenuine` or `malformed`.
    public func verify(claim: EnrolmentClaim, device wanted: DeviceID, key: PrivateKey) throws(CryptoError) {
        let issuer = try Certificate(pem: authority)
        guard issuer.fingerprint == claim.authority else {
            throw CryptoError(
                .notGenuine,
                "the answer comes from authority \(issuer.fingerprint.short), the claim names \(claim.authority.short)")
        }
        guard issuer.verify(signature: signature, message: transcript) else {
            throw CryptoError(.notGenuine, "the answer is not signed by the authority that the claim names")
        }
        let own = try Certificate(pem: certificate)
        guard device == wanted, own.commonName == wanted.text, own.isSigned(by: issuer), own.matches(key) else {
            throw CryptoError(.notGenuine, "the certificate is for '\(own.commonName)', or not for this device's key")
        }
        guard rootKey.count == VerificationKey.byteCount, (1...65535).contains(brokerPort), isPlain else {
            throw CryptoError(.malformed, "the answer's root key, broker, topic prefix or tags are not well formed")
        }
    }

    /// Whether host, prefix and tags can each stand in a line of `device.conf`.
    private var isPlain: Bool {
        !brokerHost.isEmpty && (brokerHost + topicPrefix).utf8.allSatisfy { (0x21...0x7E).contains($0) }
            && brokerHost.utf8.count <= 253 && topicPrefix.utf8.count <= 128
            && tags.utf8.count <= Self.tagBytes && !tags.utf8.contains { $0 < 0x20 || $0 == 0x7F }
    }
}
