public import FleetModel

/// A payload with any number of signatures: COSE_Sign (RFC 9052, 4.1), tag 98, Ed25519 only.
///
/// The algorithm (-8, EdDSA) and the key's name stand in each signature's protected header, so they are signed too; all
/// unprotected headers are empty. Cryptography is the caller's: this type only says which bytes are signed.
public struct COSESign: Hashable, Sendable {
    /// One person's or device's signature.
    public struct Signature: Hashable, Sendable {
        public var keyID: KeyID
        /// 64 bytes (RFC 8032).
        public var signature: [UInt8]

        public init(keyID: KeyID, signature: [UInt8]) {
            self.keyID = keyID
            self.signature = signature
        }
    }

    /// What a signature is for. It is signed with the payload (as external_aad), so that no signature can be carried
    /// over to another kind of message.
    public enum Context: String, Hashable, Sendable, CaseIterable {
        /// A release manifest, by release keys.
        case release = "martlet/v1/release"
        /// A role document, by the root.
        case roles = "martlet/v1/roles"
        /// The next root key, by the root before it and by itself.
        case root = "martlet/v1/root"
        /// A receipt, by the device.
        case receipt = "martlet/v1/receipt"
        /// The time, by a key that the role document lists for it.
        case time = "martlet/v1/time"
    }

    /// The encoded message inside.
    public var payload: [UInt8]
    public var signatures: [Signature]

    public init(payload: [UInt8], signatures: [Signature] = []) {
        self.payload = payload
        self.signatures = signatures
    }

    /// The bytes that `keyID` signs: Sig_structure (RFC 9052, 4.4).
    public static func toBeSigned(payload: [UInt8], context: Context, keyID: KeyID) -> [UInt8] {
        CBOR.array([
            .text("Signature"), .bytes(bodyHeader), .bytes(protectedHeader(keyID)),
            .bytes(Array(context.rawValue.utf8)),
            .bytes(payload),
        ]).encoded()
    }

    // MARK: Encoding

    /// COSE's number for a signed message with several signers.
    static let tag: UInt64 = 98
    /// An empty protected header is an empty byte string (RFC 9052, 3).
    private static let bodyHeader: [UInt8] = []
    private static let algorithmKey = CBOR.unsigned(1)
    private static let keyIDKey = CBOR.unsigned(4)
    private static let edDSA = CBOR.integer(-8)

    private static func protectedHeader(_ keyID: KeyID) -> [UInt8] {
        CBOR.map([
            .init(key: algorithmKey, value: edDSA), .init(key: keyIDKey, value: .bytes(keyID.headerBytes)),
        ]).encoded()
    }

    /// The tagged message.
    public func encoded() -> [UInt8] {
        let signatures = signatures.map { signature in
            CBOR.array([.bytes(Self.protectedHeader(signature.keyID)), .map([]), .bytes(signature.signature)])
        }
        return CBOR.tagged(
            Self.tag, .array([.bytes(Self.bodyHeader), .map([]), .bytes(payload), .array(signatures)])
        ).encoded()
    }

    // MARK: Decoding

    /// Reads exactly what `encoded()` writes: any other header, algorithm or form is refused.
    public init(decoding bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= WireLimits.manifestBytes else { throw WireError(.tooLarge, "signed message") }
        guard case .tagged(Self.tag, let body) = try CBOR(decoding: bytes) else {
            throw WireError(.wrongType, "expected COSE_Sign (tag \(Self.tag))")
        }
        let parts = try body.asTuple(4)
        guard parts[0] == .bytes(Self.bodyHeader), parts[1] == .map([]) else {
            throw WireError(.outOfRange, "COSE_Sign: only empty body headers are spoken")
        }
        payload = try parts[2].asBytes(limit: WireLimits.manifestBytes)
        signatures = try parts[3].asList(limit: WireLimits.signatures, of: Self.signature)
    }

    private static func signature(_ item: CBOR) throws(WireError) -> Signature {
        let parts = try item.asTuple(3)
        let header = try parts[0].asBytes(limit: WireLimits.textBytes)
        guard parts[1] == .map([]), case .map(let entries) = try CBOR(decoding: header), entries.count == 2,
            entries[0] == CBOR.Entry(key: algorithmKey, value: edDSA), entries[1].key == keyIDKey,
            let keyID = KeyID(headerBytes: try entries[1].value.asBytes(limit: KeyID.headerByteCount))
        else { throw WireError(.outOfRange, "COSE_Signature: expected EdDSA and a key id, protected") }
        let signature = try parts[2].asBytes(limit: WireLimits.signatureBytes)
        guard signature.count == WireLimits.signatureBytes else {
            throw WireError(.outOfRange, "a signature of \(signature.count) bytes")
        }
        return Signature(keyID: keyID, signature: signature)
    }
}

extension KeyID {
    /// Bytes of a key id on the wire.
    static let headerByteCount = 16

    /// The 16 bytes that stand in a protected header. (A key id of another form gives its text's bytes, which no
    /// reader accepts.)
    var headerBytes: [UInt8] {
        let digits = Array(text.utf8)
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count - 1, by: 2) {
            guard let byte = UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16) else {
                return digits
            }
            bytes.append(byte)
        }
        return bytes
    }

    init?(headerBytes: [UInt8]) {
        guard headerBytes.count == Self.headerByteCount else { return nil }
        self.init(unchecked: Hexadecimal.text(headerBytes))
    }
}
