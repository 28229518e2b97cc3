import FleetModel
import Testing

@testable import FleetCrypto

@Suite struct SealingTests {
    private func bytes(_ hex: String) throws -> [UInt8] { try #require(Hexadecimal.bytes(hex)) }

    @Test("HKDF gives what RFC 5869 gives, appendix A.3")
    func derivation() throws {
        let key = HKDF.sha256(secret: [UInt8](repeating: 0x0B, count: 22), salt: [], purpose: "")
        #expect(key == (try bytes("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d")))
    }

    @Test("AES-256-GCM gives what its authors give, test case 14")
    func cipher() throws {
        let key = try #require(SealingKey([UInt8](repeating: 0, count: 32)))
        let sealed = try [UInt8](repeating: 0, count: 16).withUnsafeBytes {
            try key.seal($0, nonce: SealingKey.nonce(ofPart: 0))
        }
        #expect(sealed == (try bytes("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919")))
    }

    @Test("what was sealed opens again, empty things too", arguments: [0, 1, 16, 65_520])
    func roundTrip(count: Int) throws {
        let key = try SealingKey.generate()
        let content = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let sealed = try key.seal(content)
        #expect(sealed.count == count + SealingKey.nonceBytes + SealingKey.tagBytes)
        #expect(try key.open(sealed) == content)
        #expect(try key.seal(content) != sealed, "a fresh nonce each time")
    }

    @Test("a changed byte, another key, another place or a cut is noticed")
    func changes() throws {
        let key = try SealingKey.generate()
        let sealed = try key.seal(Array("a frame".utf8))
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            #expect(throws: CryptoError.self, "byte \(index)") { try key.open(changed) }
        }
        for count in 0..<sealed.count {
            #expect(throws: CryptoError.self, "\(count) bytes") { try key.open(Array(sealed.prefix(count))) }
        }
        #expect(throws: CryptoError.self) { try SealingKey.generate().open(sealed) }
        let part = try sealed.withUnsafeBytes { try key.seal($0, nonce: SealingKey.nonce(ofPart: 1)) }
        #expect(throws: CryptoError.self) {
            try part.withUnsafeBytes { try key.open($0, nonce: SealingKey.nonce(ofPart: 2)) }
        }
    }

    @Test("keys for different purposes and salts differ")
    func purposes() throws {
        let key = try SealingKey.generate()
        let all = [
            key, key.derived(salt: [], for: "a"), key.derived(salt: [], for: "b"), key.derived(salt: [1], for: "a"),
        ]
        #expect(Set(all).count == 4)
        #expect(key.derived(salt: [1], for: "a") == all[3])
        let signing = try SigningKey.generate()
        #expect(try signing.sealingKey(for: "x") == signing.sealingKey(for: "x"))
        #expect(try signing.sealingKey(for: "x") != signing.sealingKey(for: "y"))
    }

    // MARK: Envelopes

    @Test("a key of Ed25519 becomes the one of X25519 that libsodium makes of it")
    func curves() throws {
        let key = try SigningKey(seed: bytes("421151a459faeade3d247115f94aedae42318124095afabe4d1451a559faedee"))
        let point = try EdwardsPoint.montgomery(key.publicKey)
        #expect(point == (try bytes("f1814f0e8ff1043d8a44d25babff3cedcae6c22c3edaa48f857ae70de2baae50")))
    }

    @Test("an envelope opens for the device that it is for, and for nobody else")
    func envelopes() throws {
        let (device, other) = (try SigningKey.generate(), try SigningKey.generate())
        let key = try SealingKey.generate()
        let envelope = try KeyEnvelope.seal(key, to: device.publicKey)
        #expect(envelope.count == KeyEnvelope.byteCount)
        #expect(try KeyEnvelope.open(envelope, with: device) == key)
        #expect(throws: CryptoError.self) { try KeyEnvelope.open(envelope, with: other) }
        for index in envelope.indices {
            var changed = envelope
            changed[index] ^= 4
            #expect(throws: CryptoError.self, "byte \(index)") { try KeyEnvelope.open(changed, with: device) }
        }
        #expect(throws: CryptoError.self) { try KeyEnvelope.open(Array(envelope.dropLast()), with: device) }
    }

    @Test("the same key for the same device gives the same envelope, for another device another")
    func repeated() throws {
        let (device, other) = (try SigningKey.generate(), try SigningKey.generate())
        let key = try SealingKey.generate()
        let envelope = try KeyEnvelope.seal(key, to: device.publicKey)
        #expect(try KeyEnvelope.seal(key, to: device.publicKey) == envelope)
        #expect(try KeyEnvelope.seal(key, to: other.publicKey).prefix(32) != envelope.prefix(32))
    }

    @Test("what is no key gets no envelope")
    func malformed() throws {
        let key = try SealingKey.generate()
        #expect(throws: CryptoError.self) { try KeyEnvelope.seal(key, to: [1, 2, 3]) }
        // y = 1: the neutral element, whose shared secret would be zero.
        #expect(throws: CryptoError.self) { try KeyEnvelope.seal(key, to: [1] + [UInt8](repeating: 0, count: 31)) }
    }
}
