internal import COpenSSL

/// A key on its way to one device: nobody else who sees the envelope can take it out.
///
/// Diffie-Hellman on X25519 (RFC 7748) between a key of the envelope's own and the device's, HKDF-SHA256 over both
/// public keys, AES-256-GCM. The device's X25519 key is its Ed25519 signing key, mapped between the two forms of the
/// curve (RFC 7748, section 4.1), so that a device needs no further key and nobody has to vouch for one.
public enum KeyEnvelope {
    /// Bytes of an envelope: its own public key, the sealed key, the tag.
    public static let byteCount = pointBytes + SealingKey.byteCount + SealingKey.tagBytes

    private static let pointBytes = 32
    private static let purpose = "martlet key envelope"

    /// Puts a key into an envelope for the holder of a signing key.
    ///
    /// The envelope's own key comes from the content and the receiver: the same key for the same device gives the same
    /// envelope, and nothing else is ever sealed under what it derives.
    ///
    /// - Parameter receiver: the public half of the device's Ed25519 key, 32 bytes.
    public static func seal(_ key: SealingKey, to receiver: [UInt8]) throws(CryptoError) -> [UInt8] {
        let seed = key.derived(salt: receiver, for: "martlet envelope seed").bytes
        guard let own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nil, seed, seed.count) else {
            throw .openSSL("an X25519 key")
        }
        let handle = KeyHandle(owning: own)
        let point = try EdwardsPoint.montgomery(receiver)
        let ownPoint = try handle.rawPublicKey()
        let wrapping = try wrappingKey(handle, peer: point, envelope: ownPoint, receiver: point)
        let sealed = try wrapping.seal(key.bytes, nonce: SealingKey.nonce(ofPart: 0))
        return ownPoint + sealed
    }

    /// Takes the key out.
    ///
    /// - Throws: `malformed` for another size, `notGenuine` if it is meant for somebody else or was changed.
    public static func open(_ envelope: [UInt8], with signingKey: SigningKey) throws(CryptoError) -> SealingKey {
        guard envelope.count == byteCount else {
            throw CryptoError(.malformed, "an envelope has \(byteCount) bytes, this one \(envelope.count)")
        }
        let handle = try signingKey.agreementKey()
        let ownPoint = Array(envelope.prefix(pointBytes))
        let wrapping = try wrappingKey(
            handle, peer: ownPoint, envelope: ownPoint, receiver: try handle.rawPublicKey())
        let bytes = try wrapping.open(Array(envelope.dropFirst(pointBytes)), nonce: SealingKey.nonce(ofPart: 0))
        guard let key = SealingKey(bytes) else { throw CryptoError(.malformed, "the envelope holds no key") }
        return key
    }

    private static func wrappingKey(
        _ own: KeyHandle, peer: [UInt8], envelope: [UInt8], receiver: [UInt8]
    ) throws(CryptoError) -> SealingKey {
        SealingKey(secret: try own.agree(withPoint: peer), salt: envelope + receiver, purpose: purpose)
    }
}

extension KeyHandle {
    /// The secret that this X25519 key shares with another's public half.
    fileprivate func agree(withPoint point: [UInt8]) throws(CryptoError) -> [UInt8] {
        guard let peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nil, point, point.count) else {
            throw .openSSL("an X25519 public key", .malformed)
        }
        let other = KeyHandle(owning: peer)
        guard let context = EVP_PKEY_CTX_new(pointer, nil) else { throw .openSSL("key agreement") }
        defer { EVP_PKEY_CTX_free(context) }
        var secret = [UInt8](repeating: 0, count: 32)
        var count = secret.count
        // A point of small order gives no secret: OpenSSL refuses it.
        guard EVP_PKEY_derive_init(context) == 1, EVP_PKEY_derive_set_peer(context, other.pointer) == 1,
            EVP_PKEY_derive(context, &secret, &count) == 1, count == secret.count
        else { throw .openSSL("key agreement on X25519", .notGenuine) }
        return secret
    }
}

extension SigningKey {
    /// The same key on X25519: the lower half of SHA-512 of the seed (RFC 8032, section 5.1.5).
    fileprivate func agreementKey() throws(CryptoError) -> KeyHandle {
        let seed = try seed()
        var digest = [UInt8](repeating: 0, count: Int(SHA512_DIGEST_LENGTH))
        var count: UInt32 = 0
        guard EVP_Digest(seed, seed.count, &digest, &count, EVP_sha512(), nil) == 1,
            let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nil, digest, 32)
        else { throw .openSSL("an X25519 key of a signing key") }
        return KeyHandle(owning: key)
    }
}

/// Points of edwards25519 in their compressed form.
enum EdwardsPoint {
    /// The u-coordinate on curve25519: u = (1 + y) / (1 - y) modulo 2²⁵⁵ - 19 (RFC 7748, section 4.1).
    static func montgomery(_ compressed: [UInt8]) throws(CryptoError) -> [UInt8] {
        guard compressed.count == VerificationKey.byteCount else {
            throw CryptoError(.malformed, "a key has \(VerificationKey.byteCount) bytes, this one \(compressed.count)")
        }
        var bytes = compressed
        bytes[31] &= 0x7F
        guard let context = BN_CTX_new() else { throw .openSSL("numbers") }
        defer { BN_CTX_free(context) }
        BN_CTX_start(context)
        defer { BN_CTX_end(context) }
        guard let prime = BN_CTX_get(context), let y = BN_CTX_get(context), let above = BN_CTX_get(context),
            let below = BN_CTX_get(context), let u = BN_CTX_get(context)
        else { throw .openSSL("numbers") }
        var result = [UInt8](repeating: 0, count: 32)
        let isDone =
            BN_set_word(prime, 1) == 1 && BN_lshift(prime, prime, 255) == 1 && BN_sub_word(prime, 19) == 1
            && BN_lebin2bn(bytes, 32, y) != nil && BN_set_word(above, 1) == 1
            && BN_mod_sub(below, above, y, prime, context) == 1
            && BN_mod_add(above, above, y, prime, context) == 1 && BN_mod_inverse(below, below, prime, context) != nil
            && BN_mod_mul(u, above, below, prime, context) == 1 && BN_bn2lebinpad(u, &result, 32) == 32
        guard isDone else { throw .openSSL("an Ed25519 key that has no form on X25519", .malformed) }
        return result
    }
}
