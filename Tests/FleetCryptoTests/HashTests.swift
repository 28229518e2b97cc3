import FleetModel
import Foundation
import Testing

@testable import FleetCrypto

@Suite("SHA-256, random bytes and stored secrets")
struct HashTests {
    /// FIPS 180-4's examples ("SHA256.pdf" of NIST's example values) and the empty message.
    static let vectors: [(message: String, digest: String)] = [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            String(repeating: "a", count: 1_000_000),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        ),
    ]

    @Test("hashes are those of FIPS 180-4", arguments: vectors)
    func sha256(message: String, digest: String) {
        #expect(SHA256.hash(message.utf8).hex == digest)
        #expect(Array(message.utf8).withUnsafeBytes { SHA256.hash($0) }.hex == digest)
    }

    @Test("a hash in pieces is the hash of the whole", arguments: [1, 7, 63, 64, 65, 1000])
    func incremental(piece: Int) {
        let bytes = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var hash = SHA256()
        for start in stride(from: 0, to: bytes.count, by: piece) {
            hash.update(bytes[start..<min(start + piece, bytes.count)])
        }
        #expect(hash.finish() == SHA256.hash(bytes))
    }

    @Test("random bytes differ, and tokens are 43 characters of base64url")
    func random() throws {
        #expect(try SecureRandom.bytes(32) != SecureRandom.bytes(32))
        let tokens = try Set((0..<100).map { _ in try SecureRandom.token() })
        #expect(tokens.count == 100)
        #expect(tokens.allSatisfy { $0.utf8.count == 43 && Base64URL.bytes($0)?.count == 32 })
    }

    /// RFC 4648, section 10, without padding.
    @Test(
        "base64url is that of RFC 4648",
        arguments: [
            ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ])
    func base64(plain: String, text: String) {
        #expect(Base64URL.text(Array(plain.utf8)) == text)
        #expect(Base64URL.bytes(text) == Array(plain.utf8))
    }

    @Test("text that is not base64url is refused", arguments: ["Z", "Zg==", "Zh", "Zm9v+", "Zm9vYg ", "Zm9vY"])
    func badBase64(text: String) {
        #expect(Base64URL.bytes(text) == nil)
    }

    @Test("all bytes survive base64url")
    func base64RoundTrip() {
        let bytes = (0...255).map { UInt8($0) }
        #expect(Base64URL.text([0xFB, 0xFF]) == "-_8")
        #expect(Base64URL.bytes(Base64URL.text(bytes)) == bytes)
    }

    @Test("comparing secrets")
    func constantTime() {
        #expect(ConstantTime.equal([1, 2, 3], [1, 2, 3]))
        #expect(!ConstantTime.equal([1, 2, 3], [1, 2, 4]))
        #expect(!ConstantTime.equal([1, 2, 3], [1, 2]))
        #expect(ConstantTime.equal([], []))
    }

    @Test("a stored password matches itself alone, and two of the same differ")
    func password() throws {
        let stored = try PasswordHash(password: "correct horse")
        #expect(try PasswordHash(stored: stored.text).matches("correct horse"))
        #expect(try !stored.matches("correct horsf"))
        #expect(try !stored.matches(""))
        #expect(try PasswordHash(password: "correct horse") != stored)
        #expect(!stored.text.contains("horse"))
    }

    /// RFC 7914, section 12, the vector with N = 16384.
    @Test("the slow hash is the scrypt of RFC 7914")
    func scrypt() throws {
        let output = try PasswordHash.scrypt(
            password: Array("pleaseletmein".utf8), salt: Array("SodiumChloride".utf8), n: 16384, r: 8, p: 1, count: 64)
        let expected = """
            7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2
            d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887
            """
        #expect(output == unhex(expected))
    }

    @Test("a line that another program's scrypt made is accepted")
    func foreignScrypt() throws {
        // python3: hashlib.scrypt(b"pleaseletmein", salt=b"SodiumChloride16", n=16384, r=8, p=1, dklen=32)
        let hash = unhex("cb07772ae1b937be7effe9ff0a37ea778aa3cd041a9d1d6323548f7eb14a5cd6")
        let salt = Base64URL.text(Array("SodiumChloride16".utf8))
        let stored = PasswordHash(stored: "$scrypt$14$8$1$\(salt)$\(Base64URL.text(hash))")
        #expect(try stored.matches("pleaseletmein"))
        #expect(try !stored.matches("pleaseletmeout"))
    }

    @Test(
        "a stored line that is not ours is refused, also one that asks for the machine's memory",
        arguments: [
            "", "secret", "$scrypt$15$8$1$AAAA$AAAA", "$scrypt$40$8$1$c2FsdHNhbHRzYWx0c2FsdA$AAAA",
            "$argon2id$1$2$3$4$5",
        ])
    func malformedStored(text: String) {
        let error = #expect(throws: CryptoError.self) { try PasswordHash(stored: text).matches("x") }
        #expect(error?.code == .malformed)
    }
}
