internal import COpenSSL
import FleetModel

/// What goes into a new certificate, and the signing of it.
struct CertificateBuilder {
    let commonName: String
    let validity: CertificateAuthority.Validity
    /// OpenSSL's extension numbers with values in the syntax of x509v3_config(5).
    let extensions: [(Int32, String)]

    /// Signs a certificate for `publicKey`; without an issuer it is self-signed.
    func sign(publicKey: OpaquePointer, issuer: Certificate?, issuerKey: PrivateKey) throws(CryptoError) -> Certificate
    {
        guard validity.from < validity.until else {
            throw CryptoError(.invalidValue, "the certificate of \(commonName) would end before it begins")
        }
        guard let certificate = X509_new() else { throw .openSSL("new certificate") }
        do throws(CryptoError) {
            try fill(certificate, publicKey: publicKey, issuer: issuer)
            guard X509_sign(certificate, issuerKey.handle.pointer, EVP_sha256()) > 0 else {
                throw .openSSL("signing the certificate of \(commonName)")
            }
        } catch {
            X509_free(certificate)
            throw error
        }
        return try Certificate(owning: certificate)
    }

    private func fill(
        _ certificate: OpaquePointer, publicKey: OpaquePointer, issuer: Certificate?
    ) throws(CryptoError) {
        try X509Text.setCommonName(commonName, of: X509_get_subject_name(certificate))
        let issuerName = X509_get_subject_name(issuer?.pointer ?? certificate)
        guard X509_set_version(certificate, 2) == 1, X509_set_issuer_name(certificate, issuerName) == 1,
            X509Text.set(X509_getm_notBefore(certificate), to: validity.from),
            X509Text.set(X509_getm_notAfter(certificate), to: validity.until),
            X509_set_pubkey(certificate, publicKey) == 1
        else { throw .openSSL("fields of the certificate of \(commonName)") }
        try setRandomSerial(of: certificate)
        var context = X509V3_CTX()
        X509V3_set_ctx(&context, issuer?.pointer ?? certificate, certificate, nil, nil, 0)
        for (number, value) in extensions {
            guard let entry = X509V3_EXT_nconf_nid(nil, &context, number, value) else {
                throw .openSSL("extension \(number) of \(commonName)")
            }
            defer { X509_EXTENSION_free(entry) }
            guard X509_add_ext(certificate, entry, -1) == 1 else {
                throw .openSSL("extension \(number) of \(commonName)")
            }
        }
    }

    /// 126 random bits below a leading one: positive, never the same twice, of one length (RFC 5280, 4.1.2.2).
    private func setRandomSerial(of certificate: OpaquePointer) throws(CryptoError) {
        var bytes = try SecureRandom.bytes(16)
        bytes[0] = bytes[0] & 0x3F | 0x40
        guard let number = BN_bin2bn(bytes, Int32(bytes.count), nil) else { throw .openSSL("serial number") }
        defer { BN_free(number) }
        guard BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nil else {
            throw .openSSL("serial number")
        }
    }
}
