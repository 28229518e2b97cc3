import DeviceCore
import FleetModel
import FleetWire

/// Signatures without mathematics: the public key followed by the message's length and sum. What is tested is who must
/// have signed what, not Ed25519.
enum Toy {
    static func sign(_ key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        let sum = message.reduce(UInt64(message.count)) { $0 &* 31 &+ UInt64($1) }
        let tail = (0..<8).map { UInt8(truncatingIfNeeded: sum >> (8 * UInt64($0))) }
        return Array(key.prefix(32)) + tail + Array(repeating: 0, count: 24)
    }

    static func hash(_ bytes: [UInt8]) -> Digest {
        var state: UInt64 = 1
        var out: [UInt8] = []
        for round in 0..<4 {
            for byte in bytes { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 &+ UInt64(round) }
            out += (0..<8).map { UInt8(truncatingIfNeeded: state >> (8 * UInt64($0))) }
        }
        return Digest(out)!
    }

    static let check = TrustCheck(
        functions: TrustFunctions(
            hash: { hash($0) }, verify: { key, signature, message in signature == sign(key, message) }))

    static func key(_ number: UInt8) -> TrustedKey {
        TrustedKey(
            id: KeyID(unchecked: Hexadecimal.text(Array(repeating: number, count: 16))),
            publicKey: Array(repeating: number, count: 32), holder: "person \(number)")
    }

    static func message(_ payload: [UInt8], _ context: COSESign.Context, by signers: [UInt8]) -> [UInt8] {
        let signatures = signers.map { number in
            let key = key(number)
            return COSESign.Signature(
                keyID: key.id,
                signature: sign(
                    key.publicKey, COSESign.toBeSigned(payload: payload, context: context, keyID: key.id)))
        }
        return COSESign(payload: payload, signatures: signatures).encoded()
    }
}
