internal import COpenSSL
public import FleetModel

/// A request for a certificate (PKCS#10, RFC 2986): a name and a public key, signed with the private half, which
/// thereby need not travel.
///
/// `@unchecked Sendable`: the OpenSSL object is not changed after it was made.
public final class CertificateRequest: @unchecked Sendable {
    let pointer: OpaquePointer
    /// The name that is asked for. The authority decides whether it may be had.
    public let commonName: String

    private init(owning pointer: OpaquePointer) throws(CryptoError) {
        do throws(CryptoError) {
            commonName = try X509Text.commonName(X509_REQ_get_subject_name(pointer))
        } catch {
            X509_REQ_free(pointer)
            throw error
        }
        self.pointer = pointer
    }

    deinit { X509_REQ_free(pointer) }

    /// Asks for a certificate for `key` under `commonName`.
    public static func make(commonName: String, key: PrivateKey) throws(CryptoError) -> CertificateRequest {
        guard let pointer = X509_REQ_new() else { throw .openSSL("certificate request") }
        do throws(CryptoError) {
            try X509Text.setCommonName(commonName, of: X509_REQ_get_subject_name(pointer))
            guard X509_REQ_set_pubkey(pointer, key.handle.pointer) == 1,
                X509_REQ_sign(pointer, key.handle.pointer, EVP_sha256()) > 0
            else { throw .openSSL("signing a certificate request") }
        } catch {
            X509_REQ_free(pointer)
            throw error
        }
        return try CertificateRequest(owning: pointer)
    }

    /// Reads a request and verifies that it was signed with the key that it names.
    /// - Throws: `malformed`, or `notGenuine` when the proof of possession fails or the key is not on P-256.
    public convenience init(pem: String) throws(CryptoError) {
        let bio = try MemoryBIO(Array(pem.utf8))
        guard let pointer = PEM_read_bio_X509_REQ(bio.pointer, nil, { _, _, _, _ in -1 }, nil) else {
            throw .openSSL("the text holds no certificate request in PEM", .malformed)
        }
        try self.init(owning: pointer)
        guard let key = X509_REQ_get0_pubkey(pointer), X509_REQ_verify(pointer, key) == 1 else {
            throw .openSSL("the request for \(commonName) is not signed with its own key", .notGenuine)
        }
        guard EVP_PKEY_get_base_id(key) == EVP_PKEY_EC, EVP_PKEY_get_bits(key) == 256 else {
            throw CryptoError(.notGenuine, "the request for \(commonName) needs an EC key on P-256")
        }
    }

    /// SHA-256 of the public key (SubjectPublicKeyInfo, DER): the same key gives the same.
    public var keyDigest: Digest {
        get throws(CryptoError) {
            var bytes: UnsafeMutablePointer<UInt8>?
            let count = i2d_PUBKEY(X509_REQ_get0_pubkey(pointer), &bytes)
            guard count > 0, let bytes else { throw .openSSL("public key of the request for \(commonName)") }
            defer { CRYPTO_free(bytes, #file, #line) }
            return SHA256.hash(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
        }
    }

    /// The request as PEM.
    public func pem() throws(CryptoError) -> String {
        let bio = try MemoryBIO()
        guard PEM_write_bio_X509_REQ(bio.pointer, pointer) == 1 else { throw .openSSL("writing a request as PEM") }
        return String(decoding: bio.bytes, as: UTF8.self)
    }
}
