import FleetModel

/// HMAC-SHA256 (RFC 2104).
public enum HMAC {
    /// Bytes of a block of SHA-256.
    private static let blockBytes = 64

    /// 32 bytes that only somebody with the key can make of the message.
    public static func sha256(key: [UInt8], message: [UInt8]) -> [UInt8] {
        var block = key.count > blockBytes ? SHA256.hash(key).bytes : key
        block += repeatElement(0, count: blockBytes - block.count)
        let inner = SHA256.hash(block.map { $0 ^ 0x36 } + message).bytes
        return SHA256.hash(block.map { $0 ^ 0x5C } + inner).bytes
    }
}

/// HKDF with SHA-256 (RFC 5869).
enum HKDF {
    /// 32 bytes for one purpose, which tell nothing of the secret or of what was derived for another.
    static func sha256(secret: [UInt8], salt: [UInt8], purpose: String) -> [UInt8] {
        let key = HMAC.sha256(key: salt, message: secret)
        return HMAC.sha256(key: key, message: Array(purpose.utf8) + [1])
    }
}
