internal import COpenSSL

/// A stored secret that does not tell the secret: scrypt (RFC 7914) with a salt of its own, as one line of text
/// `$scrypt$15$8$1$SALT$HASH` (log2 of N, r, p; base64url).
///
/// It is meant for what people choose. Random tokens of `SecureRandom.token` need no slow hash: store their SHA-256.
public struct PasswordHash: Sendable, Equatable {
    /// The line to store.
    public let text: String

    private static let parameters = Parameters(log2N: 15, r: 8, p: 1)
    private static let saltBytes = 16
    private static let hashBytes = 32
    /// Bounds on what a stored line may ask for: 2¹⁸ · 8 · 128 bytes are 256 MiB.
    private static let log2NBounds: ClosedRange<UInt64> = 10...18
    /// Bytes that scrypt may take: those, and room for libcrypto's own.
    private static let memoryLimit: UInt64 = 300 << 20

    private struct Parameters: Equatable {
        var log2N: UInt64
        var r: UInt64
        var p: UInt64
    }

    /// Hashes a password: takes about 0.1 s and 32 MiB by design.
    public init(password: String) throws(CryptoError) {
        let salt = try SecureRandom.bytes(Self.saltBytes)
        let hash = try Self.derive(password, salt: salt, parameters: Self.parameters)
        let fields = ["", "scrypt"] + [Self.parameters.log2N, Self.parameters.r, Self.parameters.p].map { "\($0)" }
        text = (fields + [Base64URL.text(salt), Base64URL.text(hash)]).joined(separator: "$")
    }

    /// Takes a stored line; it is checked by `matches`.
    public init(stored text: String) { self.text = text }

    /// Whether `password` is the one.
    /// - Throws: `malformed` when the stored line is not one of ours.
    public func matches(_ password: String) throws(CryptoError) -> Bool {
        let fields = text.split(separator: "$", omittingEmptySubsequences: false)
        guard fields.count == 7, fields[0].isEmpty, fields[1] == "scrypt", let log2N = UInt64(fields[2]),
            Self.log2NBounds.contains(log2N), fields[3] == "8", fields[4] == "1",
            let salt = Base64URL.bytes(String(fields[5])), let hash = Base64URL.bytes(String(fields[6])),
            salt.count == Self.saltBytes, hash.count == Self.hashBytes
        else { throw CryptoError(.malformed, "a stored password hash is not of the form $scrypt$N$8$1$SALT$HASH") }
        let found = try Self.derive(password, salt: salt, parameters: Parameters(log2N: log2N, r: 8, p: 1))
        return ConstantTime.equal(found, hash)
    }

    private static func derive(
        _ password: String, salt: [UInt8], parameters: Parameters
    ) throws(CryptoError) -> [UInt8] {
        try scrypt(
            password: Array(password.utf8), salt: salt, n: 1 << parameters.log2N, r: parameters.r, p: parameters.p,
            count: hashBytes)
    }

    /// The function of RFC 7914, section 6.
    static func scrypt(
        password: [UInt8], salt: [UInt8], n: UInt64, r: UInt64, p: UInt64, count: Int
    ) throws(CryptoError) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: count)
        let secret = password.map { CChar(bitPattern: $0) }
        guard EVP_PBE_scrypt(secret, secret.count, salt, salt.count, n, r, p, memoryLimit, &output, count) == 1 else {
            throw .openSSL("scrypt")
        }
        return output
    }
}
