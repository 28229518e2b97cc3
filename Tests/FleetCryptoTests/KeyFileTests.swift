import FleetCrypto
import FleetModel
import Foundation
import Testing

@Suite("Key files and the keys of roles")
struct KeyFileTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func path(_ name: String) -> String { scratch.path(name) }

    @Test("a new key file replaces nothing, whatever is there")
    func neverOverwrites() throws {
        let first = try SigningKey.generate()
        try first.create(pemFile: path("key.pem"))
        #expect(throws: CryptoError.self) { try SigningKey.generate().create(pemFile: path("key.pem")) }
        #expect(try SigningKey(pemFile: path("key.pem")).publicKey == first.publicKey)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.folder.path()) == ["key.pem"])
    }

    @Test("an encrypted key opens with its passphrase and with no other")
    func passphrase() throws {
        let key = try SigningKey.generate()
        try key.create(pemFile: path("key.pem"), passphrase: "correct horse")
        #expect(try SigningKey.isEncrypted(pemFile: path("key.pem")))
        #expect(try SigningKey(pemFile: path("key.pem"), passphrase: "correct horse").publicKey == key.publicKey)
        for wrong in ["correct hors", "", nil] {
            #expect(throws: CryptoError.self) { try SigningKey(pemFile: path("key.pem"), passphrase: wrong) }
        }
        let mode = try FileManager.default.attributesOfItem(atPath: path("key.pem"))[.posixPermissions]
        #expect(mode as? Int == 0o600)
    }

    @Test("a public key comes back from its 64 characters, in either case and with white space around them")
    func hexadecimal() throws {
        let key = try SigningKey.generate().verificationKey
        let text = Hexadecimal.text(key.raw)
        for form in [text, text.uppercased(), " \n\(text)\r\n"] { #expect(VerificationKey(hex: form) == key) }
        for form in [
            "", " ", String(text.dropLast()), text + "0", "g" + text.dropFirst(),
            text.prefix(32) + " " + text.suffix(32),
        ] {
            #expect(VerificationKey(hex: form) == nil)
        }
        try (text + "\n").write(toFile: path("root.pub"), atomically: true, encoding: .utf8)
        #expect(try VerificationKey(hexFile: path("root.pub")) == key)
        try "no key".write(toFile: path("root.pub"), atomically: true, encoding: .utf8)
        let refusal = #expect(throws: CryptoError.self) { try VerificationKey(hexFile: path("root.pub")) }
        #expect(refusal?.code == .malformed)
        #expect(refusal?.context.contains(path("root.pub")) == true)
        #expect(throws: CryptoError.self) { try VerificationKey(hexFile: path("nothing")) }
    }

    @Test("a public key comes back from its PEM, with any text before it")
    func publicKey() throws {
        let key = try SigningKey.generate().verificationKey
        #expect(try VerificationKey(pem: "a card\n" + key.pem()) == key)
        #expect(throws: CryptoError.self) { try VerificationKey(pem: "nothing") }
        #expect(throws: CryptoError.self) { try VerificationKey(pem: PrivateKey.generate().pem()) }
    }

    private static func trusted(_ key: SigningKey, as id: KeyID? = nil) -> TrustedKey {
        TrustedKey(id: id ?? key.keyID, publicKey: key.publicKey, holder: "h")
    }

    @Test("roles with a key under another name, twice or in two hands, or that nobody could meet, have a fault")
    func faults() throws {
        let keys = try (0..<3).map { _ in try SigningKey.generate() }
        func roles(_ release: [TrustedKey], threshold: Int = 1, time: [TrustedKey] = []) -> TrustRoles {
            TrustRoles(number: 1, expires: .epoch, releaseKeys: release, threshold: threshold, timeKeys: time)
        }
        let (a, b, c) = (Self.trusted(keys[0]), Self.trusted(keys[1]), Self.trusted(keys[2]))
        #expect(RolesCheck.fault(in: roles([a, b], threshold: 2, time: [c])) == nil)
        #expect(RolesCheck.fault(in: roles([a, a], threshold: 1)) == "two release keys are the same key")
        #expect(RolesCheck.fault(in: roles([a, b], threshold: 3)) != nil)
        #expect(RolesCheck.fault(in: roles([a], threshold: 0)) != nil)
        #expect(RolesCheck.fault(in: roles([a], time: [a])) != nil)
        #expect(RolesCheck.fault(in: roles([Self.trusted(keys[0], as: keys[1].keyID)])) != nil)
    }
}
