internal import COpenSSL

/// A key of AES-256 in Galois/Counter Mode (NIST SP 800-38D): what it seals can be neither read nor changed without it.
public struct SealingKey: Hashable, Sendable {
    /// Bytes of a key.
    public static let byteCount = 32
    /// Bytes that sealing adds: the tag.
    public static let tagBytes = 16
    /// Bytes of a nonce. One must never serve twice under the same key.
    public static let nonceBytes = 12

    /// The 32 secret bytes.
    public let bytes: [UInt8]

    /// nil unless there are 32 bytes.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// A new one.
    public static func generate() throws(CryptoError) -> SealingKey {
        SealingKey(unchecked: try SecureRandom.bytes(byteCount))
    }

    private init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    /// What HKDF-SHA256 makes of a secret for one purpose.
    init(secret: [UInt8], salt: [UInt8], purpose: String) {
        bytes = HKDF.sha256(secret: secret, salt: salt, purpose: purpose)
    }

    /// A key for one purpose alone.
    public func derived(salt: [UInt8], for purpose: String) -> SealingKey {
        SealingKey(secret: bytes, salt: salt, purpose: purpose)
    }

    /// The key of one blob of an image, whose key this is.
    public func blobKey(salt: [UInt8]) -> SealingKey { derived(salt: salt, for: "martlet sealed blob") }

    // MARK: One part of many

    /// The nonce of a part of something that is sealed in parts: its index.
    public static func nonce(ofPart index: Int) -> [UInt8] {
        [0, 0, 0, 0] + (0..<8).map { UInt8(truncatingIfNeeded: index >> (56 - 8 * $0)) }
    }

    /// The sealed bytes and the tag behind them.
    public func seal(_ bytes: UnsafeRawBufferPointer, nonce: [UInt8]) throws(CryptoError) -> [UInt8] {
        let cipher = try Cipher(key: self.bytes, nonce: nonce, seals: true)
        var output = [UInt8](repeating: 0, count: bytes.count)
        var tag = [UInt8](repeating: 0, count: Self.tagBytes)
        guard cipher.update(bytes, into: &output), cipher.finish(),
            EVP_CIPHER_CTX_ctrl(cipher.context, EVP_CTRL_AEAD_GET_TAG, Int32(tag.count), &tag) == 1
        else { throw .openSSL("sealing with AES-256-GCM") }
        return output + tag
    }

    /// What was sealed.
    ///
    /// - Throws: `notGenuine` under another key or nonce, and for what was changed.
    public func open(_ sealed: UnsafeRawBufferPointer, nonce: [UInt8]) throws(CryptoError) -> [UInt8] {
        guard sealed.count >= Self.tagBytes else {
            throw CryptoError(.malformed, "\(sealed.count) bytes are too few for a seal of \(Self.tagBytes)")
        }
        let body = UnsafeRawBufferPointer(rebasing: sealed[..<(sealed.count - Self.tagBytes)])
        var tag = [UInt8](sealed[(sealed.count - Self.tagBytes)...])
        let cipher = try Cipher(key: bytes, nonce: nonce, seals: false)
        var output = [UInt8](repeating: 0, count: body.count)
        let isGenuine =
            cipher.update(body, into: &output)
            && EVP_CIPHER_CTX_ctrl(cipher.context, EVP_CTRL_AEAD_SET_TAG, Int32(tag.count), &tag) == 1
            && cipher.finish()
        guard isGenuine else {
            throw .openSSL("the seal does not open: another key, or the bytes were changed", .notGenuine)
        }
        return output
    }

    func seal(_ bytes: [UInt8], nonce: [UInt8]) throws(CryptoError) -> [UInt8] {
        try bytes.withUnsafeBufferPointer { (buffer) throws(CryptoError) in
            try seal(UnsafeRawBufferPointer(buffer), nonce: nonce)
        }
    }

    func open(_ sealed: [UInt8], nonce: [UInt8]) throws(CryptoError) -> [UInt8] {
        try sealed.withUnsafeBufferPointer { (buffer) throws(CryptoError) in
            try open(UnsafeRawBufferPointer(buffer), nonce: nonce)
        }
    }

    // MARK: One thing alone

    /// A fresh nonce, the sealed bytes and the tag.
    public func seal(_ bytes: [UInt8]) throws(CryptoError) -> [UInt8] {
        let nonce = try SecureRandom.bytes(Self.nonceBytes)
        return nonce + (try seal(bytes, nonce: nonce))
    }

    /// What `seal` made of some bytes.
    public func open(_ sealed: [UInt8]) throws(CryptoError) -> [UInt8] {
        let nonce = Array(sealed.prefix(Self.nonceBytes))
        return try open(Array(sealed.dropFirst(Self.nonceBytes)), nonce: nonce)
    }
}

/// One run of the cipher.
private final class Cipher {
    let context: OpaquePointer

    init(key: [UInt8], nonce: [UInt8], seals: Bool) throws(CryptoError) {
        guard nonce.count == SealingKey.nonceBytes, let context = EVP_CIPHER_CTX_new() else {
            throw CryptoError(.malformed, "a nonce has \(SealingKey.nonceBytes) bytes, this one \(nonce.count)")
        }
        self.context = context
        guard EVP_CipherInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce, seals ? 1 : 0) == 1 else {
            throw .openSSL("AES-256-GCM")
        }
    }

    deinit { EVP_CIPHER_CTX_free(context) }

    func update(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) -> Bool {
        guard !bytes.isEmpty else { return true }
        var count: Int32 = 0
        let source = bytes.assumingMemoryBound(to: UInt8.self).baseAddress
        return EVP_CipherUpdate(context, &output, &count, source, Int32(bytes.count)) == 1 && Int(count) == bytes.count
    }

    func finish() -> Bool {
        var rest = [UInt8](repeating: 0, count: 16)
        var count: Int32 = 0
        return EVP_CipherFinal_ex(context, &rest, &count) == 1
    }
}
