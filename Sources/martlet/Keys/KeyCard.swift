import FleetCrypto
import FleetModel
import Foundation

/// What a key is made for. It stands in the key's card, so that whoever holds the root notices a mix-up.
enum KeyKind: String, CaseIterable {
    /// Signs role documents and the next root; kept offline.
    case root
    /// A person's: signs releases.
    case release
    /// The controller's: signs the time.
    case time
    /// The controller's: signs releases within a delegation's limits.
    case automation
}

/// The public half of a key with who holds it: a small text file that may go anywhere, above all to whoever holds the
/// root. Other tools read the PEM in it.
struct KeyCard: Equatable {
    var kind: KeyKind?
    var holder: String
    var publicKey: [UInt8]
}

extension KeyCard {
    /// The text of the file.
    func text() throws(CryptoError) -> String {
        let key = try VerificationKey(raw: publicKey)
        return """
            Martlet public key
            kind: \(kind?.rawValue ?? "")
            holder: \(holder)
            id: \(key.keyID)
            public: \(Hexadecimal.text(publicKey))

            """ + (try key.pem())
    }

    /// Reads a card, a bare public key in PEM, or 64 hexadecimal characters.
    init(file: String, holder: String? = nil) throws {
        let text = String(decoding: try PrivateFile.read(file), as: UTF8.self)
        guard !text.contains("PRIVATE KEY") else {
            throw RootError("\(file) holds a private key; give its card, the file with .pub that was made with it")
        }
        let key: VerificationKey
        do throws(CryptoError) {
            key = if let bare = VerificationKey(hex: text) { bare } else { try VerificationKey(pem: text) }
        } catch {
            throw RootError("\(file) holds no Ed25519 public key (\(error.context))")
        }
        self.init(
            kind: Self.field("kind", in: text).flatMap(KeyKind.init(rawValue:)),
            holder: holder ?? Self.field("holder", in: text)
                ?? URL(fileURLWithPath: file).deletingPathExtension().lastPathComponent,
            publicKey: key.raw)
    }

    private static func field(_ name: String, in text: String) -> String? {
        text.split(separator: "\n").first { $0.hasPrefix("\(name): ") }
            .map { $0.dropFirst(name.count + 2).trimmingCharacters(in: .whitespaces) }
    }

    /// As a role document lists it.
    var trusted: TrustedKey {
        get throws(CryptoError) { try VerificationKey(raw: publicKey).trusted(holder: holder) }
    }
}

/// Why an offline document could not be made: for people, on the terminal.
struct RootError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
