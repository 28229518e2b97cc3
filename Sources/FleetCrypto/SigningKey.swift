internal import COpenSSL
public import FleetModel

/// An Ed25519 key that signs (RFC 8032).
public struct SigningKey: Sendable {
    private let handle: KeyHandle
    /// The public half, 32 bytes.
    public let publicKey: [UInt8]

    private init(handle: KeyHandle) throws(CryptoError) {
        self.handle = handle
        publicKey = try handle.rawPublicKey()
    }

    /// Makes a new key.
    public static func generate() throws(CryptoError) -> SigningKey {
        try SigningKey(handle: KeyHandle.generate(kind: EVP_PKEY_ED25519))
    }

    /// Takes the 32 secret bytes of RFC 8032, section 5.1.5.
    public init(seed: [UInt8]) throws(CryptoError) {
        guard seed.count == 32, let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count) else {
            throw .openSSL("an Ed25519 seed has 32 bytes, this one \(seed.count)", .malformed)
        }
        try self.init(handle: KeyHandle(owning: key))
    }

    /// The public half, as a role document lists it.
    public func trusted(holder: String) -> TrustedKey { TrustedKey(id: keyID, publicKey: publicKey, holder: holder) }

    /// Reads unencrypted PKCS#8 PEM.
    public init(pem: String) throws(CryptoError) {
        try self.init(handle: KeyHandle(privatePEM: Array(pem.utf8), kind: EVP_PKEY_ED25519, from: "the text"))
    }

    /// Reads a PEM file.
    ///
    /// - Parameter passphrase: opens an encrypted one.
    public init(pemFile path: String, passphrase: String? = nil) throws(CryptoError) {
        try self.init(
            handle: KeyHandle(
                privatePEM: PrivateFile.read(path), kind: EVP_PKEY_ED25519, from: path, passphrase: passphrase))
    }

    /// Whether a PEM file holds a key that only a passphrase opens.
    public static func isEncrypted(pemFile path: String) throws(CryptoError) -> Bool {
        // By bytes: `String.contains` of a text links the regular expressions, a megabyte of the agent.
        try PrivateFile.read(path).split(separator: UInt8(ascii: "\n")).contains {
            $0.starts(with: "-----BEGIN ENCRYPTED PRIVATE KEY-----".utf8)
        }
    }

    /// Writes the key as PKCS#8 PEM that only its owner may read (0600).
    public func write(pemFile path: String) throws(CryptoError) {
        try PrivateFile.write(handle.privatePEM(), to: path)
    }

    /// Writes a new key file (PKCS#8 PEM, 0600), encrypted if there is a passphrase. What is there is never replaced.
    public func create(pemFile path: String, passphrase: String? = nil) throws(CryptoError) {
        let pem =
            if let passphrase { try handle.privatePEM(passphrase: passphrase) } else { try handle.privatePEM() }
        try PrivateFile.write(pem, to: path, replacing: false)
    }

    /// The key as PKCS#8 PEM.
    public func pem() throws(CryptoError) -> String {
        String(decoding: try handle.privatePEM(), as: UTF8.self)
    }

    /// The 32 secret bytes of RFC 8032, section 5.1.5.
    func seed() throws(CryptoError) -> [UInt8] {
        var seed = [UInt8](repeating: 0, count: 32)
        var count = seed.count
        guard EVP_PKEY_get_raw_private_key(handle.pointer, &seed, &count) == 1, count == seed.count else {
            throw .openSSL("the secret half of an Ed25519 key")
        }
        return seed
    }

    /// A key that only the holder of this one can make again, for what lies on a disk beside it.
    ///
    /// - Parameter purpose: another purpose, another key.
    public func sealingKey(for purpose: String) throws(CryptoError) -> SealingKey {
        SealingKey(secret: try seed(), salt: publicKey, purpose: purpose)
    }

    /// What verifies this key's signatures.
    public var verificationKey: VerificationKey {
        get throws(CryptoError) { try VerificationKey(raw: publicKey) }
    }

    /// The key's name in signatures.
    public var keyID: KeyID { VerificationKey.keyID(of: publicKey) }

    /// Signs a message: 64 bytes, the same for the same message.
    public func sign(_ message: [UInt8]) throws(CryptoError) -> [UInt8] {
        guard let context = EVP_MD_CTX_new() else { throw .openSSL("signature context") }
        defer { EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: VerificationKey.signatureByteCount)
        var count = signature.count
        guard EVP_DigestSignInit(context, nil, nil, nil, handle.pointer) == 1,
            EVP_DigestSign(context, &signature, &count, message, message.count) == 1, count == signature.count
        else { throw .openSSL("signing with Ed25519") }
        return signature
    }
}

/// An Ed25519 key that verifies (RFC 8032).
public struct VerificationKey: Hashable, Sendable {
    /// Bytes of a raw public key.
    public static let byteCount = 32
    /// Bytes of a signature.
    public static let signatureByteCount = 64

    /// The 32 bytes of the key.
    public let raw: [UInt8]
    private let handle: KeyHandle

    /// - Throws: `malformed` unless there are 32 bytes.
    public init(raw: [UInt8]) throws(CryptoError) {
        guard raw.count == Self.byteCount,
            let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, raw, raw.count)
        else { throw .openSSL("an Ed25519 public key has 32 bytes, this one \(raw.count)", .malformed) }
        self.raw = raw
        handle = KeyHandle(owning: key)
    }

    /// Takes 64 hexadecimal characters; nil for anything else. White space around them is left out.
    public init?(hex text: String) {
        var digits = text.drop(while: \.isWhitespace)
        while digits.last?.isWhitespace == true { digits.removeLast() }
        // A digest and a raw Ed25519 key are both 32 bytes, so the one's reader serves the other.
        guard let bytes = Digest(hex: digits)?.bytes, let key = try? Self(raw: bytes) else { return nil }
        self = key
    }

    /// Reads a file of 64 hexadecimal characters, such as `root.pub`.
    public init(hexFile path: String) throws(CryptoError) {
        guard let key = Self(hex: String(decoding: try PrivateFile.read(path), as: UTF8.self)) else {
            throw CryptoError(.malformed, "\(path) does not hold 64 hexadecimal characters, a public key")
        }
        self = key
    }

    /// Takes SubjectPublicKeyInfo PEM of an Ed25519 key; text around it is left out.
    public init(pem: String) throws(CryptoError) {
        let bio = try MemoryBIO(Array(pem.utf8))
        guard let key = PEM_read_bio_PUBKEY(bio.pointer, nil, { _, _, _, _ in -1 }, nil) else {
            throw .openSSL("the text holds no public key in PEM", .malformed)
        }
        let handle = KeyHandle(owning: key)
        try handle.requireKind(EVP_PKEY_ED25519, from: "the text")
        raw = try handle.rawPublicKey()
        self.handle = handle
    }

    /// The key's name in signatures: the first 16 bytes of the SHA-256 of its raw bytes, in hexadecimal.
    public var keyID: KeyID { Self.keyID(of: raw) }

    static func keyID(of raw: [UInt8]) -> KeyID {
        KeyID(unchecked: Hexadecimal.text(SHA256.hash(raw).bytes.prefix(16)))
    }

    /// The key as SubjectPublicKeyInfo PEM, for other tools.
    public func pem() throws(CryptoError) -> String {
        String(decoding: try handle.publicPEM(), as: UTF8.self)
    }

    /// Whether `signature` is this key's signature of `message`. Anything malformed is simply no signature.
    public func verify(signature: [UInt8], message: [UInt8]) -> Bool {
        guard signature.count == Self.signatureByteCount, let context = EVP_MD_CTX_new() else { return false }
        defer {
            EVP_MD_CTX_free(context)
            ERR_clear_error()
        }
        return EVP_DigestVerifyInit(context, nil, nil, nil, handle.pointer) == 1
            && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }

    /// As a role document lists it.
    public func trusted(holder: String) -> TrustedKey { TrustedKey(id: keyID, publicKey: raw, holder: holder) }

    /// Whether `signature` is one of this raw public key over `message`, in the form in which `FleetWire` asks for it.
    /// What is no key has signed nothing.
    @Sendable public static func check(_ publicKey: [UInt8], _ signature: [UInt8], _ message: [UInt8]) -> Bool {
        (try? VerificationKey(raw: publicKey))?.verify(signature: signature, message: message) ?? false
    }

    public static func == (a: VerificationKey, b: VerificationKey) -> Bool { a.raw == b.raw }
    public func hash(into hasher: inout Hasher) { hasher.combine(raw) }
}
