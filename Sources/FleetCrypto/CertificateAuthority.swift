internal import COpenSSL
public import FleetModel

/// A certificate authority of one's own: a self-signed certificate with its key, and what it may issue.
public struct CertificateAuthority: Sendable {
    public let certificate: Certificate
    private let key: PrivateKey

    /// When a certificate is valid. Devices without a battery-backed clock boot in 1970: certificates that they must
    /// verify then start at `Instant.epoch`.
    public struct Validity: Sendable, Equatable {
        public var from: Instant
        public var until: Instant

        public init(from: Instant, until: Instant) {
            self.from = from
            self.until = until
        }
    }

    /// Takes an authority's certificate and key.
    /// - Throws: `notGenuine` when they do not belong together.
    public init(certificate: Certificate, key: PrivateKey) throws(CryptoError) {
        guard certificate.matches(key) else {
            throw CryptoError(
                .notGenuine, "the authority's key does not belong to certificate \(certificate.commonName)")
        }
        self.certificate = certificate
        self.key = key
    }

    /// Makes a new authority that may issue certificates for clients and servers, and no further authorities.
    public static func create(name: String, validity: Validity) throws(CryptoError) -> CertificateAuthority {
        let key = try PrivateKey.generate()
        let certificate = try CertificateBuilder(
            commonName: name, validity: validity,
            extensions: [
                (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"),
                (NID_key_usage, "critical,keyCertSign,cRLSign"),
                (NID_subject_key_identifier, "hash"),
            ]
        ).sign(publicKey: key.handle.pointer, issuer: nil, issuerKey: key)
        return try CertificateAuthority(certificate: certificate, key: key)
    }

    /// Reads an authority from two PEM files.
    public init(certificateFile: String, keyFile: String) throws(CryptoError) {
        try self.init(certificate: Certificate(pemFile: certificateFile), key: PrivateKey(pemFile: keyFile))
    }

    /// Writes the certificate (0644) and the key (0600).
    public func write(certificateFile: String, keyFile: String) throws(CryptoError) {
        try key.write(pemFile: keyFile)
        try certificate.write(pemFile: certificateFile)
    }

    /// A certificate for a TLS server.
    /// - Parameter names: addresses and host names that clients dial, at least one, at most `maximumServerNames`.
    public func issueServer(
        names: [String], commonName: String, key serverKey: PrivateKey, validity: Validity
    ) throws(CryptoError) -> Certificate {
        guard (1...Self.maximumServerNames).contains(names.count) else {
            throw CryptoError(.invalidValue, "a server needs 1 to \(Self.maximumServerNames) names, not \(names.count)")
        }
        var alternatives: [String] = []
        for name in names { alternatives.append(try Self.alternativeName(name)) }
        return try leaf(
            commonName: commonName, validity: validity, publicKey: serverKey.handle.pointer,
            more: [
                (NID_ext_key_usage, "serverAuth"), (NID_subject_alt_name, alternatives.joined(separator: ",")),
            ])
    }

    /// Names that one server certificate may carry.
    public static let maximumServerNames = 64

    /// A client's certificate for a key that was made here.
    public func issueClient(
        commonName: String, key clientKey: PrivateKey, validity: Validity
    ) throws(CryptoError) -> Certificate {
        try client(commonName: commonName, publicKey: clientKey.handle.pointer, validity: validity)
    }

    /// A client's certificate for a key that never left the client.
    /// - Parameter commonName: what the authority grants; a request for another name is refused.
    public func issueClient(
        for request: CertificateRequest, commonName: String, validity: Validity
    ) throws(CryptoError) -> Certificate {
        guard request.commonName == commonName, let publicKey = X509_REQ_get0_pubkey(request.pointer) else {
            throw CryptoError(.notGenuine, "the request is for \(request.commonName), not for \(commonName)")
        }
        return try client(commonName: commonName, publicKey: publicKey, validity: validity)
    }

    /// Signs a message with the authority's own key: ECDSA over SHA-256, DER.
    public func sign(_ message: [UInt8]) throws(CryptoError) -> [UInt8] {
        guard let context = EVP_MD_CTX_new() else { throw .openSSL("signature context") }
        defer { EVP_MD_CTX_free(context) }
        var count = 0
        guard EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key.handle.pointer) == 1,
            EVP_DigestSign(context, nil, &count, message, message.count) == 1
        else { throw .openSSL("signing with the authority's key") }
        var signature = [UInt8](repeating: 0, count: count)
        guard EVP_DigestSign(context, &signature, &count, message, message.count) == 1 else {
            throw .openSSL("signing with the authority's key")
        }
        return Array(signature.prefix(count))
    }

    /// The list of revoked certificates as PEM.
    /// - Parameters:
    ///   - number: rises with every list.
    ///   - validity: `until` is when verifiers stop trusting the list; mosquitto then turns everybody away.
    public func revocationList(
        _ revoked: [RevokedCertificate], number: UInt64, validity: Validity
    ) throws(CryptoError) -> String {
        try RevocationListBuilder(issuer: certificate, key: key, number: number, validity: validity).sign(revoked)
    }

    private func client(
        commonName: String, publicKey: OpaquePointer, validity: Validity
    ) throws(CryptoError) -> Certificate {
        try leaf(
            commonName: commonName, validity: validity, publicKey: publicKey,
            more: [(NID_ext_key_usage, "clientAuth")])
    }

    private func leaf(
        commonName: String, validity: Validity, publicKey: OpaquePointer, more: [(Int32, String)]
    ) throws(CryptoError) -> Certificate {
        let extensions: [(Int32, String)] = [
            (NID_basic_constraints, "critical,CA:FALSE"), (NID_key_usage, "critical,digitalSignature"),
            (NID_subject_key_identifier, "hash"), (NID_authority_key_identifier, "keyid:always"),
        ]
        return try CertificateBuilder(commonName: commonName, validity: validity, extensions: extensions + more)
            .sign(publicKey: publicKey, issuer: certificate, issuerKey: key)
    }

    /// `IP:…` or `DNS:…`, from characters that cannot start another entry.
    private static func alternativeName(_ name: String) throws(CryptoError) -> String {
        let isPlain = name.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || byte == 0x2D || byte == 0x2E || byte == 0x3A || byte == 0x5F
        }
        guard isPlain, (1...253).contains(name.utf8.count) else {
            throw CryptoError(.invalidValue, "'\(name.prefix(80))' is no address and no host name")
        }
        if let address = a2i_IPADDRESS(name) {
            ASN1_OCTET_STRING_free(address)
            return "IP:\(name)"
        }
        ERR_clear_error()
        guard !name.contains(":") else {
            throw CryptoError(.invalidValue, "'\(name)' is no address and no host name")
        }
        return "DNS:\(name)"
    }
}
