import FleetCrypto
import FleetModel
import Foundation
import Testing

@Suite("Ed25519")
struct SigningTests {
    struct Vector: Sendable {
        let seed: String
        let publicKey: String
        let message: String
        let signature: String
    }

    /// RFC 8032, section 7.1, tests 1 to 3.
    static let vectors = [
        Vector(
            seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", message: "",
            signature: """
                e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155
                5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b
                """),
        Vector(
            seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", message: "72",
            signature: """
                92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da
                085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00
                """),
        Vector(
            seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", message: "af82",
            signature: """
                6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac
                18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a
                """),
    ]

    @Test("keys and signatures are those of RFC 8032", arguments: vectors)
    func rfc8032(vector: Vector) throws {
        let key = try SigningKey(seed: unhex(vector.seed))
        #expect(key.publicKey == unhex(vector.publicKey))
        let signature = try key.sign(unhex(vector.message))
        #expect(signature == unhex(vector.signature))
        let verifier = try VerificationKey(raw: unhex(vector.publicKey))
        #expect(verifier.verify(signature: signature, message: unhex(vector.message)))
    }

    @Test("a signature with any bit flipped, of another message, or by another key is none")
    func tampered() throws {
        let key = try SigningKey.generate()
        let verifier = try key.verificationKey
        let message = Array("release 2".utf8)
        let signature = try key.sign(message)
        #expect(verifier.verify(signature: signature, message: message))
        for bit in 0..<(64 * 8) {
            var flipped = signature
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!verifier.verify(signature: flipped, message: message), "bit \(bit)")
        }
        #expect(!verifier.verify(signature: signature, message: Array("release 3".utf8)))
        #expect(!verifier.verify(signature: signature, message: []))
        #expect(!verifier.verify(signature: Array(signature.dropLast()), message: message))
        #expect(!verifier.verify(signature: signature + [0], message: message))
        #expect(!verifier.verify(signature: [], message: message))
        let other = try SigningKey.generate().verificationKey
        #expect(!other.verify(signature: signature, message: message))
        #expect(other.keyID != verifier.keyID)
    }

    @Test("a key file is readable by its owner alone and gives the same key back")
    func file() throws {
        let scratch = try Scratch()
        let key = try SigningKey.generate()
        let path = scratch.path("ops.pem")
        try key.write(pemFile: path)
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect((attributes[.posixPermissions] as? Int) == 0o600)
        let again = try SigningKey(pemFile: path)
        #expect(again.publicKey == key.publicKey && again.keyID == key.keyID)
        #expect(try again.sign([1]) == key.sign([1]))
        #expect(try SigningKey(pem: key.pem()).publicKey == key.publicKey)
        // Overwriting goes through a new file: nothing is left beside it.
        try key.write(pemFile: path)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.folder.path()) == ["ops.pem"])
    }

    @Test("the key id is the start of the public key's SHA-256")
    func keyID() throws {
        let key = try SigningKey(seed: unhex(Self.vectors[0].seed))
        #expect(key.keyID.text == SHA256.hash(key.publicKey).hex.prefix(32))
        #expect(KeyID.isValid(key.keyID.text))
        #expect(try key.verificationKey.keyID == key.keyID)
    }

    @Test("the openssl command accepts our signatures, and we accept its")
    func foreign() throws {
        let scratch = try Scratch()
        let key = try SigningKey.generate()
        try key.write(pemFile: scratch.path("key.pem"))
        _ = try scratch.write(key.verificationKey.pem(), to: "public.pem")
        _ = try scratch.write("a message", to: "message")
        try Data(key.sign(Array("a message".utf8))).write(to: scratch.folder.appending(path: "ours.sig"))
        let verified = try scratch.openssl(
            "pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin", "-in", "message", "-sigfile", "ours.sig")
        #expect(verified.status == 0, "\(verified.output)")
        let signed = try scratch.openssl(
            "pkeyutl", "-sign", "-inkey", "key.pem", "-rawin", "-in", "message", "-out", "theirs.sig")
        #expect(signed.status == 0, "\(signed.output)")
        let theirs = try [UInt8](Data(contentsOf: scratch.folder.appending(path: "theirs.sig")))
        #expect(try key.verificationKey.verify(signature: theirs, message: Array("a message".utf8)))
    }

    @Test("what is no key is refused with its place")
    func malformed() throws {
        let scratch = try Scratch()
        let path = try scratch.write("-----BEGIN NONSENSE-----\n", to: "bad.pem")
        let bad = #expect(throws: CryptoError.self) { _ = try SigningKey(pemFile: path) }
        #expect(bad?.code == .malformed && bad?.context.contains("bad.pem") == true)
        let missing = #expect(throws: CryptoError.self) { _ = try SigningKey(pemFile: scratch.path("none.pem")) }
        #expect(missing?.code == .fileFailed)
        #expect(throws: CryptoError.self) { _ = try SigningKey(seed: [1, 2, 3]) }
        #expect(throws: CryptoError.self) { _ = try VerificationKey(raw: [1, 2, 3]) }
        // A TLS key is not a signing key, nor the other way about.
        let tls = try PrivateKey.generate().pem()
        let wrongKind = #expect(throws: CryptoError.self) { _ = try SigningKey(pem: tls) }
        #expect(wrongKind?.context.contains("not Ed25519") == true)
        let signing = try SigningKey.generate().pem()
        #expect(throws: CryptoError.self) { _ = try PrivateKey(pem: signing) }
    }

    @Test("an encrypted key is refused instead of asking at the terminal")
    func encrypted() throws {
        let scratch = try Scratch()
        try SigningKey.generate().write(pemFile: scratch.path("plain.pem"))
        let made = try scratch.openssl(
            "pkcs8", "-topk8", "-in", "plain.pem", "-out", "locked.pem", "-passout", "pass:secret")
        #expect(made.status == 0, "\(made.output)")
        #expect(throws: CryptoError.self) { _ = try SigningKey(pemFile: scratch.path("locked.pem")) }
    }
}
