import FleetModel
import FleetWire
import Testing

@Suite struct COSESignTests {
    /// Stands in for Ed25519: valid is a signature whose first bytes say whose it is, over exactly this message.
    private static func sign(_ key: UInt8, _ message: [UInt8]) -> [UInt8] {
        let sum = message.enumerated().reduce(UInt64(key)) { ($0 &* 1_099_511_628_211) ^ UInt64($1.element) }
        let half = (0..<8).map { UInt8(truncatingIfNeeded: sum >> (8 * UInt64($0))) }
        return Array([half, half, half, half, half, half, half, half].joined())
    }

    private static func verifies(_ key: [UInt8], _ signature: [UInt8], _ message: [UInt8]) -> Bool {
        signature == sign(key[0], message)
    }

    private static func key(_ number: UInt8, id: UInt8? = nil) -> TrustedKey {
        TrustedKey(
            id: KeyID(unchecked: String(repeating: Hexadecimal.text([id ?? number]), count: 16)),
            publicKey: [UInt8](repeating: number, count: 32), holder: "holder \(number)")
    }

    private static func signed(_ numbers: [UInt8], context: COSESign.Context = .release) -> COSESign {
        let payload: [UInt8] = [0x01]
        return COSESign(
            payload: payload,
            signatures: numbers.map { number in
                let id = key(number).id
                let message = COSESign.toBeSigned(payload: payload, context: context, keyID: id)
                return COSESign.Signature(keyID: id, signature: sign(number, message))
            })
    }

    @Test("the signed bytes are the Sig_structure of RFC 9052, 4.4")
    func structure() {
        let bytes = COSESign.toBeSigned(payload: [0xAB], context: .time, keyID: WireSamples.keyID)
        let expected =
            "85" + "69" + "5369676e6174757265" + "40"
            + "55" + "a201270450" + "00112233445566778899aabbccddeeff"
            + "4f" + "6d6172746c65742f76312f74696d65" + "41ab"
        #expect(Hexadecimal.text(bytes) == expected)
    }

    @Test("a message survives the way there and back")
    func roundTrip() throws {
        let message = Self.signed([1, 2])
        #expect(try COSESign(decoding: message.encoded()) == message)
        #expect(Hexadecimal.text(message.encoded()).hasPrefix("d8628440a041018283"))
    }

    @Test(
        "the threshold counts distinct trusted keys",
        arguments: [
            ([1, 2], 2, true), ([1, 1], 2, false), ([1], 2, false), ([1, 9], 2, false), ([9, 1, 2], 2, true),
            ([], 1, false),
            ([1], 1, true), ([1], 0, false), ([3, 1, 2], 3, true),
        ] as [([UInt8], Int, Bool)])
    func threshold(signers: [UInt8], threshold: Int, isValid: Bool) throws {
        let keys = [Self.key(1), Self.key(2), Self.key(3)]
        let message = Self.signed(signers)
        if isValid {
            let found = try message.verify(threshold: threshold, keys: keys, context: .release, using: Self.verifies)
            #expect(found == signers.filter { $0 != 9 }.map { Self.key($0).id })
        } else {
            let error = #expect(throws: WireError.self) {
                try message.verify(threshold: threshold, keys: keys, context: .release, using: Self.verifies)
            }
            #expect(error?.code == .tooFewSignatures)
        }
    }

    @Test("one key under two names counts once")
    func twoNames() {
        let payload: [UInt8] = [1]
        let keys = [Self.key(1), Self.key(1, id: 2)]
        let signatures = keys.map { key in
            COSESign.Signature(
                keyID: key.id,
                signature: Self.sign(1, COSESign.toBeSigned(payload: payload, context: .release, keyID: key.id)))
        }
        #expect(throws: WireError.self) {
            try COSESign(payload: payload, signatures: signatures)
                .verify(threshold: 2, keys: keys, context: .release, using: Self.verifies)
        }
    }

    @Test("a signature for one context, payload or key id holds for no other")
    func bound() {
        let keys = [Self.key(1)]
        for context in COSESign.Context.allCases where context != .release {
            #expect(throws: WireError.self) {
                try Self.signed([1]).verify(threshold: 1, keys: keys, context: context, using: Self.verifies)
            }
        }
        var other = Self.signed([1])
        other.payload = [2]
        #expect(throws: WireError.self) {
            try other.verify(threshold: 1, keys: keys, context: .release, using: Self.verifies)
        }
    }

    @Test("other tags, headers, algorithms and lengths are refused")
    func foreign() throws {
        let good = Self.signed([1]).encoded()
        let text = Hexadecimal.text(good)
        for (from, to) in [("d862", "d812"), ("a20127", "a20126"), ("8440a0", "8441a0"), ("5840", "583f")] {
            let bytes = try #require(hexadecimal(text.replacingFirst(from, with: to)))
            #expect(throws: WireError.self, "\(from) → \(to)") { try COSESign(decoding: bytes) }
        }
        let many = COSESign(
            payload: [], signatures: (0...UInt8(WireLimits.signatures)).flatMap { Self.signed([$0]).signatures })
        #expect(throws: WireError.self) { try COSESign(decoding: many.encoded()) }
    }
}

extension String {
    fileprivate func replacingFirst(_ pattern: String, with replacement: String) -> String {
        guard let start = indices.first(where: { self[$0...].hasPrefix(pattern) }) else { return self }
        return self[..<start] + replacement + self[index(start, offsetBy: pattern.count)...]
    }
}
