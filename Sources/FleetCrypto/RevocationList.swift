internal import COpenSSL
public import FleetModel

/// A certificate that is not to be trusted any more.
public struct RevokedCertificate: Sendable, Equatable {
    /// As `Certificate.serial`: hexadecimal.
    public var serial: String
    public var revoked: Instant

    public init(serial: String, revoked: Instant) {
        self.serial = serial
        self.revoked = revoked
    }
}

/// Makes a certificate revocation list (RFC 5280, section 5).
struct RevocationListBuilder {
    let issuer: Certificate
    let key: PrivateKey
    let number: UInt64
    let validity: CertificateAuthority.Validity

    /// The signed list as PEM.
    func sign(_ revoked: [RevokedCertificate]) throws(CryptoError) -> String {
        guard let list = X509_CRL_new() else { throw .openSSL("new revocation list") }
        defer { X509_CRL_free(list) }
        try setFields(of: list)
        for certificate in revoked { try add(certificate, to: list) }
        guard X509_CRL_sort(list) == 1, X509_CRL_sign(list, key.handle.pointer, EVP_sha256()) > 0 else {
            throw .openSSL("signing a revocation list")
        }
        let bio = try MemoryBIO()
        guard PEM_write_bio_X509_CRL(bio.pointer, list) == 1 else { throw .openSSL("writing a revocation list") }
        return String(decoding: bio.bytes, as: UTF8.self)
    }

    private func setFields(of list: OpaquePointer) throws(CryptoError) {
        guard let from = ASN1_TIME_new(), let until = ASN1_TIME_new(), let serial = ASN1_INTEGER_new() else {
            throw .openSSL("fields of a revocation list")
        }
        defer {
            ASN1_STRING_free(from)
            ASN1_STRING_free(until)
            ASN1_INTEGER_free(serial)
        }
        guard X509Text.set(from, to: validity.from), X509Text.set(until, to: validity.until),
            ASN1_INTEGER_set_uint64(serial, number) == 1, X509_CRL_set_version(list, 1) == 1,
            X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer.pointer)) == 1,
            X509_CRL_set1_lastUpdate(list, from) == 1, X509_CRL_set1_nextUpdate(list, until) == 1,
            X509_CRL_add1_ext_i2d(list, NID_crl_number, serial, 0, 0) == 1
        else { throw .openSSL("fields of a revocation list") }
    }

    private func add(_ certificate: RevokedCertificate, to list: OpaquePointer) throws(CryptoError) {
        var big: OpaquePointer?
        guard (1...40).contains(certificate.serial.utf8.count),
            BN_hex2bn(&big, certificate.serial) == Int32(certificate.serial.utf8.count), let big
        else {
            BN_free(big)
            throw CryptoError(.invalidValue, "'\(certificate.serial.prefix(50))' is no serial number in hexadecimal")
        }
        defer { BN_free(big) }
        guard let entry = X509_REVOKED_new(), let serial = BN_to_ASN1_INTEGER(big, nil), let time = ASN1_TIME_new()
        else { throw .openSSL("entry of a revocation list") }
        defer {
            ASN1_INTEGER_free(serial)
            ASN1_STRING_free(time)
        }
        guard X509Text.set(time, to: certificate.revoked), X509_REVOKED_set_serialNumber(entry, serial) == 1,
            X509_REVOKED_set_revocationDate(entry, time) == 1, X509_CRL_add0_revoked(list, entry) == 1
        else {
            X509_REVOKED_free(entry)
            throw .openSSL("entry of a revocation list")
        }
    }
}
