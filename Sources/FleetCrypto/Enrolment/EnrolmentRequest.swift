public import FleetModel

/// A new device asks for its certificate. Nothing in it is secret; three signatures bind it together: the claim's key
/// (somebody handed this device the claim), the certificate request's own and that of the key that will sign receipts
/// (the device holds both private halves). Whoever listens can send it again, and gains nothing: the answer is a
/// certificate for the same key.
public struct EnrolmentRequest: Sendable, Equatable {
    public var claim: KeyID
    public var device: DeviceID
    /// PKCS#10 in PEM, for the common name `device`.
    public var certificateRequest: String
    /// Raw Ed25519 public key that receipts will be verified with.
    public var signingKey: [UInt8]
    public var hardware: String
    /// By the claim's key, of `transcript`.
    public var signature: [UInt8]
    /// By the receipts' key, of `transcript`.
    public var proof: [UInt8]

    public init(
        claim: KeyID, device: DeviceID, certificateRequest: String, signingKey: [UInt8], hardware: String,
        signature: [UInt8], proof: [UInt8]
    ) {
        self.claim = claim
        self.device = device
        self.certificateRequest = certificateRequest
        self.signingKey = signingKey
        self.hardware = hardware
        self.signature = signature
        self.proof = proof
    }

    /// Makes and signs a request.
    public init(
        claim: EnrolmentClaim, device: DeviceID, key: PrivateKey, signingKey: SigningKey, hardware: String
    ) throws(CryptoError) {
        self.init(
            claim: claim.id, device: device,
            certificateRequest: try CertificateRequest.make(commonName: device.text, key: key).pem(),
            signingKey: signingKey.publicKey, hardware: hardware, signature: [], proof: [])
        signature = try claim.key.sign(transcript)
        proof = try signingKey.sign(transcript)
    }

    /// What is signed: one line a field, none of which can hold a line end.
    public var transcript: [UInt8] {
        let lines = [
            "martlet/v1/enrol", claim.text, device.text, SHA256.hash(certificateRequest.utf8).hex,
            Hexadecimal.text(signingKey), SHA256.hash(hardware.utf8).hex,
        ]
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// Checks every signature.
    ///
    /// - Parameter claimKey: raw public half of the claim's key.
    /// - Returns: the certificate request, whose common name is the device.
    /// - Throws: `notGenuine` or `malformed`.
    public func verified(claimKey: [UInt8]) throws(CryptoError) -> CertificateRequest {
        let text = transcript
        guard try VerificationKey(raw: claimKey).verify(signature: signature, message: text) else {
            throw CryptoError(.notGenuine, "the request for \(device) is not signed with its claim's key")
        }
        guard try VerificationKey(raw: signingKey).verify(signature: proof, message: text) else {
            throw CryptoError(.notGenuine, "the request for \(device) does not prove that it holds its signing key")
        }
        let request = try CertificateRequest(pem: certificateRequest)
        guard request.commonName == device.text else {
            throw CryptoError(.notGenuine, "the certificate request is for \(request.commonName), not for \(device)")
        }
        return request
    }
}
