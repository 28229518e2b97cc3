internal import COpenSSL

/// An OpenSSL key, freed with its last reference.
///
/// `@unchecked Sendable`: the key is never changed after it was made, and OpenSSL allows reading one from many threads.
final class KeyHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    deinit { EVP_PKEY_free(pointer) }

    /// Makes a new key of the given kind (`EVP_PKEY_ED25519`, or `EVP_PKEY_EC` on the curve P-256).
    static func generate(kind: Int32) throws(CryptoError) -> KeyHandle {
        guard let context = EVP_PKEY_CTX_new_id(kind, nil) else { throw .openSSL("key context") }
        defer { EVP_PKEY_CTX_free(context) }
        guard EVP_PKEY_keygen_init(context) == 1 else { throw .openSSL("key generation") }
        if kind == EVP_PKEY_EC {
            guard EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) == 1,
                EVP_PKEY_CTX_set_ec_param_enc(context, OPENSSL_EC_NAMED_CURVE) == 1
            else { throw .openSSL("curve P-256") }
        }
        var key: OpaquePointer?
        guard EVP_PKEY_generate(context, &key) == 1, let key else { throw .openSSL("key generation") }
        return KeyHandle(owning: key)
    }

    /// Reads a private key from PEM (PKCS#8 and the older forms), with the passphrase if it is encrypted.
    convenience init(
        privatePEM: [UInt8], kind: Int32, from place: String, passphrase: String? = nil
    ) throws(CryptoError) {
        let bio = try MemoryBIO(privatePEM)
        let key: OpaquePointer?
        if let passphrase {
            key = passphrase.withCString { text in
                PEM_read_bio_PrivateKey(bio.pointer, nil, nil, UnsafeMutableRawPointer(mutating: text))
            }
        } else {
            // Without the callback OpenSSL would ask for a passphrase on the terminal.
            key = PEM_read_bio_PrivateKey(bio.pointer, nil, { _, _, _, _ in -1 }, nil)
        }
        guard let key else {
            let what = passphrase == nil ? "no unencrypted private key in PEM" : "no private key that it opens"
            throw .openSSL("\(place) holds \(what)", .malformed)
        }
        self.init(owning: key)
        try requireKind(kind, from: place)
    }

    func requireKind(_ kind: Int32, from place: String) throws(CryptoError) {
        guard EVP_PKEY_get_base_id(pointer) == kind else {
            let name = EVP_PKEY_get0_type_name(pointer).map { String(cString: $0) } ?? "unknown"
            let wanted = kind == EVP_PKEY_ED25519 ? "Ed25519" : "EC"
            throw CryptoError(.malformed, "\(place) holds a key of type \(name), not \(wanted)")
        }
    }

    func privatePEM() throws(CryptoError) -> [UInt8] {
        let bio = try MemoryBIO()
        guard PEM_write_bio_PKCS8PrivateKey(bio.pointer, pointer, nil, nil, 0, nil, nil) == 1 else {
            throw .openSSL("writing a private key as PEM")
        }
        return bio.bytes
    }

    /// PKCS#8 under a passphrase: AES-256-CBC under a key that scrypt makes (RFC 7914, RFC 8018).
    func privatePEM(passphrase: String) throws(CryptoError) -> [UInt8] {
        guard let plain = EVP_PKEY2PKCS8(pointer) else { throw .openSSL("writing a private key as PKCS#8") }
        defer { PKCS8_PRIV_KEY_INFO_free(plain) }
        // 2¹⁴ · 8 · 128 bytes: 16 MiB for each guess, what OpenSSL itself takes for `-scrypt`.
        guard let scheme = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), nil, 16, nil, 1 << 14, 8, 1) else {
            throw .openSSL("scrypt")
        }
        // On success the scheme belongs to the result.
        guard let sealed = PKCS8_set0_pbe(passphrase, Int32(passphrase.utf8.count), plain, scheme) else {
            X509_ALGOR_free(scheme)
            throw .openSSL("encrypting a private key")
        }
        defer { X509_SIG_free(sealed) }
        let bio = try MemoryBIO()
        guard PEM_write_bio_PKCS8(bio.pointer, sealed) == 1 else { throw .openSSL("writing an encrypted key as PEM") }
        return bio.bytes
    }

    /// The public half of an Ed25519 key, 32 bytes.
    func rawPublicKey() throws(CryptoError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: VerificationKey.byteCount)
        var count = bytes.count
        guard EVP_PKEY_get_raw_public_key(pointer, &bytes, &count) == 1, count == bytes.count else {
            throw .openSSL("public half of an Ed25519 key")
        }
        return bytes
    }

    func publicPEM() throws(CryptoError) -> [UInt8] {
        let bio = try MemoryBIO()
        guard PEM_write_bio_PUBKEY(bio.pointer, pointer) == 1 else { throw .openSSL("writing a public key as PEM") }
        return bio.bytes
    }
}

/// Bytes that OpenSSL reads from or writes to.
final class MemoryBIO {
    let pointer: OpaquePointer

    init() throws(CryptoError) {
        guard let bio = BIO_new(BIO_s_mem()) else { throw .openSSL("memory buffer") }
        pointer = bio
    }

    convenience init(_ bytes: [UInt8]) throws(CryptoError) {
        try self.init()
        BIO_write(pointer, bytes, Int32(bytes.count))
    }

    deinit { BIO_free(pointer) }

    /// What was written so far.
    var bytes: [UInt8] {
        var start: UnsafeMutablePointer<CChar>?
        let count = withUnsafeMutablePointer(to: &start) { BIO_ctrl(pointer, BIO_CTRL_INFO, 0, $0) }
        guard let start, count > 0 else { return [] }
        return [UInt8](UnsafeRawBufferPointer(start: start, count: count))
    }
}
