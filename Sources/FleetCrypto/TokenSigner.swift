internal import COpenSSL

/// Makes of a provider's key one that signs in its token and does nothing else there.
///
/// OpenSSL 3.0 copies the public half of a key of tpm2-openssl to its own provider, and then has nothing to sign with;
/// told to prefer the token's provider, it verifies and agrees on keys there too, and a TPM has room for three keys. So
/// OpenSSL is given a key with a method of its own (EC_KEY_METHOD_new(3)), which hands digests to the provider.
enum TokenSigner {
    /// Bytes of a point on P-256 as it ends a public key in DER: 4, x, y.
    private static let pointBytes = 65

    /// What OpenSSL signs with; never changed after it was made.
    nonisolated(unsafe) private static let method: OpaquePointer? = {
        guard let method = EC_KEY_METHOD_new(EC_KEY_OpenSSL()) else { return nil }
        var sign:
            (
                @convention(c) (
                    Int32, UnsafePointer<UInt8>?, Int32, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt32>?,
                    OpaquePointer?, OpaquePointer?, OpaquePointer?
                ) -> Int32
            )?
        EC_KEY_METHOD_get_sign(method, &sign, nil, nil)
        EC_KEY_METHOD_set_sign(method, sign, { _, _, _, _ in 1 }) { digest, count, _, _, key in
            guard let digest, let raw = EC_KEY_get_ex_data(key, TokenSigner.index) else { return nil }
            return TokenSigner.sign(UnsafeBufferPointer(start: digest, count: Int(count)), with: OpaquePointer(raw))
        }
        return method
    }()

    /// Where a key of ours holds the provider's, which is freed with it.
    private static let index = CRYPTO_get_ex_new_index(
        CRYPTO_EX_INDEX_EC_KEY, 0, nil, nil, nil, { _, key, _, _, _, _ in EVP_PKEY_free(OpaquePointer(key)) })

    /// - Parameter key: of a provider, on P-256; owned by the result.
    static func wrap(owning key: OpaquePointer, _ location: KeyLocation) throws(CryptoError) -> KeyHandle {
        let own = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1)
        defer { EC_KEY_free(own) }
        guard let own, let method, EC_KEY_set_method(own, method) == 1,
            EC_KEY_set_ex_data(own, index, UnsafeMutableRawPointer(key)) == 1
        else {
            EVP_PKEY_free(key)
            throw .openSSL("the key \(location)")
        }
        let point = try point(of: key, location)
        guard EC_KEY_oct2key(own, point, point.count, nil) == 1, let pointer = EVP_PKEY_new(),
            EVP_PKEY_set1_EC_KEY(pointer, own) == 1
        else { throw .openSSL("the public half of \(location)") }
        return KeyHandle(owning: pointer)
    }

    private static func point(of key: OpaquePointer, _ location: KeyLocation) throws(CryptoError) -> [UInt8] {
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = Int(i2d_PUBKEY(key, &bytes))
        defer { CRYPTO_free(bytes, #file, #line) }
        guard let bytes, count >= pointBytes, bytes[count - pointBytes] == 4 else {
            throw .openSSL("the public half of \(location)", .malformed)
        }
        return [UInt8](UnsafeBufferPointer(start: bytes + (count - pointBytes), count: pointBytes))
    }

    /// An ECDSA signature by the provider's own code, or nil with the reason in OpenSSL's queue.
    private static func sign(_ digest: UnsafeBufferPointer<UInt8>, with key: OpaquePointer) -> OpaquePointer? {
        let name = EVP_PKEY_get0_provider(key).flatMap { OSSL_PROVIDER_get0_name($0) }.map { String(cString: $0) }
        guard let name, let context = EVP_PKEY_CTX_new_from_pkey(nil, key, "?provider=\(name)") else { return nil }
        defer { EVP_PKEY_CTX_free(context) }
        let hash = digest.count == 32 ? EVP_sha256() : digest.count == 48 ? EVP_sha384() : EVP_sha512()
        guard EVP_PKEY_sign_init(context) == 1, EVP_PKEY_CTX_set_signature_md(context, hash) == 1 else { return nil }
        var count = 0
        guard EVP_PKEY_sign(context, nil, &count, digest.baseAddress, digest.count) == 1 else { return nil }
        var signature = [UInt8](repeating: 0, count: count)
        guard EVP_PKEY_sign(context, &signature, &count, digest.baseAddress, digest.count) == 1 else { return nil }
        return signature.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            return d2i_ECDSA_SIG(nil, &start, count)
        }
    }
}
