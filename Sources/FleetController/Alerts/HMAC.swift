import FleetCrypto
import FleetModel

/// HMAC-SHA256 (RFC 2104).
enum HMAC {
    /// Bytes of a block of SHA-256.
    private static let blockBytes = 64

    static func sha256(key: [UInt8], message: [UInt8]) -> [UInt8] {
        var block = key.count > blockBytes ? SHA256.hash(key).bytes : key
        block += repeatElement(0, count: blockBytes - block.count)
        let inner = SHA256.hash(block.map { $0 ^ 0x36 } + message).bytes
        return SHA256.hash(block.map { $0 ^ 0x5C } + inner).bytes
    }
}
