internal import COpenSSL
public import FleetModel
import Glibc

/// An X.509 certificate (RFC 5280).
///
/// `@unchecked Sendable`: the OpenSSL object is not changed after it was made.
public final class Certificate: @unchecked Sendable {
    let pointer: OpaquePointer
    /// The subject's common name; with Martlet's certificates the device id.
    public let commonName: String
    /// First and last instant of its validity.
    public let notBefore: Instant
    public let notAfter: Instant
    /// The serial number in lower-case hexadecimal: what a revocation list names.
    public let serial: String
    /// SHA-256 of the certificate's DER encoding.
    public let fingerprint: Digest

    init(owning pointer: OpaquePointer) throws(CryptoError) {
        do throws(CryptoError) {
            commonName = try X509Text.commonName(X509_get_subject_name(pointer))
            notBefore = try X509Text.instant(X509_get0_notBefore(pointer))
            notAfter = try X509Text.instant(X509_get0_notAfter(pointer))
            serial = try X509Text.serial(X509_get0_serialNumber(pointer))
            fingerprint = try Self.fingerprint(of: pointer)
        } catch {
            X509_free(pointer)
            throw error
        }
        self.pointer = pointer
    }

    deinit { X509_free(pointer) }

    /// Reads the first certificate of a PEM text.
    public convenience init(pem: String) throws(CryptoError) {
        try self.init(pemBytes: Array(pem.utf8), from: "the text")
    }

    /// Reads the first certificate of a PEM file.
    public convenience init(pemFile path: String) throws(CryptoError) {
        try self.init(pemBytes: PrivateFile.read(path), from: path)
    }

    private convenience init(pemBytes: [UInt8], from place: String) throws(CryptoError) {
        let bio = try MemoryBIO(pemBytes)
        guard let pointer = PEM_read_bio_X509(bio.pointer, nil, { _, _, _, _ in -1 }, nil) else {
            throw .openSSL("\(place) holds no certificate in PEM", .malformed)
        }
        try self.init(owning: pointer)
    }

    /// The certificate as PEM.
    public func pem() throws(CryptoError) -> String {
        let bio = try MemoryBIO()
        guard PEM_write_bio_X509(bio.pointer, pointer) == 1 else { throw .openSSL("writing a certificate as PEM") }
        return String(decoding: bio.bytes, as: UTF8.self)
    }

    /// Writes the certificate as PEM that everybody may read.
    public func write(pemFile path: String) throws(CryptoError) {
        try PrivateFile.write(Array(pem().utf8), to: path, mode: 0o644)
    }

    /// Whether `issuer` signed this certificate. Validity in time is the caller's question.
    public func isSigned(by issuer: Certificate) -> Bool {
        defer { ERR_clear_error() }
        guard let key = X509_get0_pubkey(issuer.pointer) else { return false }
        return X509_check_issued(issuer.pointer, pointer) == X509_V_OK && X509_verify(pointer, key) == 1
    }

    /// Whether the certificate belongs to this private key.
    public func matches(_ key: PrivateKey) -> Bool {
        defer { ERR_clear_error() }
        return X509_check_private_key(pointer, key.handle.pointer) == 1
    }

    /// Whether `signature` is an ECDSA signature (DER, over SHA-256) of `message` by the certificate's key.
    public func verify(signature: [UInt8], message: [UInt8]) -> Bool {
        guard let key = X509_get0_pubkey(pointer), let context = EVP_MD_CTX_new() else { return false }
        defer {
            EVP_MD_CTX_free(context)
            ERR_clear_error()
        }
        return EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, key) == 1
            && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }

    private static func fingerprint(of pointer: OpaquePointer) throws(CryptoError) -> Digest {
        var bytes = [UInt8](repeating: 0, count: Digest.byteCount)
        guard X509_digest(pointer, EVP_sha256(), &bytes, nil) == 1, let digest = Digest(bytes) else {
            throw .openSSL("fingerprint of a certificate")
        }
        return digest
    }
}

/// Values inside X.509 structures.
enum X509Text {
    static func commonName(_ name: OpaquePointer?) throws(CryptoError) -> String {
        let index = X509_NAME_get_index_by_NID(name, NID_commonName, -1)
        guard index >= 0, let entry = X509_NAME_get_entry(name, index) else {
            throw CryptoError(.malformed, "a subject has no common name")
        }
        var text: UnsafeMutablePointer<UInt8>?
        let count = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry))
        guard count >= 0, let text else { throw .openSSL("common name of a certificate", .malformed) }
        defer { CRYPTO_free(text, #file, #line) }
        return String(decoding: UnsafeBufferPointer(start: text, count: Int(count)), as: UTF8.self)
    }

    static func instant(_ time: UnsafePointer<ASN1_TIME>?) throws(CryptoError) -> Instant {
        var parts = tm()
        guard ASN1_TIME_to_tm(time, &parts) == 1 else { throw .openSSL("a time in a certificate", .malformed) }
        return Instant(milliseconds: Int64(timegm(&parts)) * 1000)
    }

    static func serial(_ number: UnsafePointer<ASN1_INTEGER>?) throws(CryptoError) -> String {
        guard let big = ASN1_INTEGER_to_BN(number, nil) else { throw .openSSL("a serial number", .malformed) }
        defer { BN_free(big) }
        var bytes = [UInt8](repeating: 0, count: Int(BN_num_bits(big) + 7) / 8)
        BN_bn2bin(big, &bytes)
        return Hexadecimal.text(bytes)
    }

    /// Sets an X.509 time to whole seconds.
    static func set(_ time: UnsafeMutablePointer<ASN1_TIME>?, to instant: Instant) -> Bool {
        ASN1_TIME_set(time, time_t(instant.milliseconds / 1000)) != nil
    }

    /// Puts a common name into an empty subject.
    static func setCommonName(_ text: String, of name: OpaquePointer?) throws(CryptoError) {
        guard (1...64).contains(text.utf8.count), text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw CryptoError(
                .invalidValue, "'\(text.prefix(80))' is no common name: 1 to 64 printable ASCII characters")
        }
        let bytes = Array(text.utf8)
        guard
            X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_FLAG, bytes, Int32(bytes.count), -1, 0) == 1
        else { throw .openSSL("common name \(text)") }
    }
}
