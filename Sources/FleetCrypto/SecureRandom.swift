internal import COpenSSL

/// Unpredictable bytes from OpenSSL's generator, which the kernel seeds.
public enum SecureRandom {
    /// - Throws: `openSSLFailed` when the generator could not be seeded; then nothing secret may be made.
    public static func bytes(_ count: Int) throws(CryptoError) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: count)
        guard RAND_bytes(&result, Int32(count)) == 1 else {
            throw .openSSL("\(count) random bytes")
        }
        return result
    }

    /// A token for people and programs: `byteCount` random bytes in base64url without padding (RFC 4648, section 5).
    /// The default of 32 bytes gives 43 characters that nobody can guess.
    public static func token(byteCount: Int = 32) throws(CryptoError) -> String {
        Base64URL.text(try bytes(byteCount))
    }
}

/// Comparing secrets.
public enum ConstantTime {
    /// Whether both are the same, in a time that depends on their lengths alone.
    public static func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        guard a.count == b.count else { return false }
        return CRYPTO_memcmp(a, b, a.count) == 0
    }
}

/// Base64 with the URL-safe alphabet and without padding (RFC 4648, section 5).
public enum Base64URL {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    public static func text(_ bytes: [UInt8]) -> String {
        var characters: [UInt8] = []
        characters.reserveCapacity((bytes.count * 4 + 2) / 3)
        var bits: UInt32 = 0
        var count = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 6 {
                count -= 6
                characters.append(alphabet[Int(bits >> UInt32(count)) & 63])
            }
        }
        if count > 0 { characters.append(alphabet[Int(bits << UInt32(6 - count)) & 63]) }
        return String(decoding: characters, as: UTF8.self)
    }

    /// The bytes of a text; nil for other characters, an impossible length, or left-over bits that are not zero.
    public static func bytes(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for character in text.utf8 {
            guard let value = alphabet.firstIndex(of: character) else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
                bits &= (1 << UInt32(count)) - 1
            }
        }
        return count < 6 && bits == 0 ? bytes : nil
    }
}
