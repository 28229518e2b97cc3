import FleetClient
import FleetCrypto
import FleetModel
import FleetWire
import Foundation

/// A role document as people read it, on the terminal and as JSON.
enum RolesDocument {
    static func json(_ message: [UInt8]) throws -> JSONValue {
        let signed = try COSESign(decoding: message)
        let roles = try TrustRoles(decoding: signed.payload)
        let rotations = try roles.rotations.map { bytes in
            let rotation = try RootRotation(decoding: COSESign(decoding: bytes).payload)
            return ["number": number(rotation.number), "key": json(rotation.key)] as JSONValue
        }
        return [
            "number": number(roles.number), "expires": .string(text(roles.expires)),
            "threshold": number(UInt64(roles.threshold)), "releaseKeys": .array(roles.releaseKeys.map(json)),
            "timeKeys": .array(roles.timeKeys.map(json)), "delegations": .array(roles.delegations.map(json)),
            "rotations": .array(rotations), "signedBy": .array(signed.signatures.map { .string($0.keyID.text) }),
        ]
    }

    static func text(_ instant: Instant) -> String {
        Date(timeIntervalSince1970: Double(instant.milliseconds) / 1000).formatted(.iso8601)
    }

    private static func number(_ value: UInt64) -> JSONValue { .number(Double(value)) }

    private static func json(_ key: TrustedKey) -> JSONValue {
        ["id": .string(key.id.text), "holder": .string(key.holder), "public": .string(Hexadecimal.text(key.publicKey))]
    }

    private static func json(_ delegation: Delegation) -> JSONValue {
        [
            "key": json(delegation.key), "models": .array(delegation.models.map { .string($0.text) }),
            "group": .string(delegation.group), "canaryShare": .number(Double(delegation.canaryShare)),
            "expires": .string(text(delegation.expires)),
        ]
    }
}
