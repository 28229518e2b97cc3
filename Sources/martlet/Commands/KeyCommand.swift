import ArgumentParser
import FleetClient
import FleetCrypto
import FleetModel
import Foundation

/// `martlet key`: keys that people hold, and the controller's own for time and automation.
struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Make root, release, time and automation keys; works offline.",
        subcommands: [Create.self, Show.self])

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make an Ed25519 key and its card.",
            discussion: """
                The private key stays with its holder. The card, beside it with .pub at its end, goes to whoever holds \
                the root and signs the role document (martlet root sign).
                """)
        @Option(help: "Where to write the private key (PEM, mode 0600); it must not exist.") var out: String
        @Option(help: "What it is for: root, release, time or automation.") var kind: KeyKind = .release
        @Option(help: "Who holds it (default: the file's name).") var holder: String?
        @Flag(help: "Encrypt it under a passphrase (scrypt, AES-256).") var encrypt = false
        @OptionGroup var passphrase: PassphraseOptions
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            let cardFile = KeyCard.path(of: out)
            for path in [out, cardFile] where FileManager.default.fileExists(atPath: path) {
                throw ValidationError("\(path) exists already: a key is never overwritten")
            }
            if passphrase.passphraseFile != nil, !encrypt {
                throw ValidationError(
                    "--passphrase-file without --encrypt: say --encrypt if the key is to be encrypted")
            }
            let secret = encrypt ? try passphrase.newPassphrase(of: out) : nil
            let key = try SigningKey.generate()
            let holder = holder ?? URL(fileURLWithPath: out).deletingPathExtension().lastPathComponent
            let card = KeyCard(kind: kind, holder: holder, publicKey: key.publicKey)
            try key.create(pemFile: out, passphrase: secret)
            try PrivateFile.write(Array(try card.text().utf8), to: cardFile, mode: 0o644, replacing: false)
            try KeyCommand.show(key, file: out, card: cardFile, json: json)
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print a key's id and public part.")
        @Argument(help: "The private key (PEM).") var file: String
        @OptionGroup var passphrase: PassphraseOptions
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            try KeyCommand.show(try passphrase.signingKey(file), file: file, card: nil, json: json)
        }
    }

    private static func show(_ key: SigningKey, file: String, card: String?, json: Bool) throws {
        let publicKey = Hexadecimal.text(key.publicKey)
        if json {
            var document: [String: JSONValue] = [
                "id": .string(key.keyID.text), "publicKey": .string(publicKey), "file": .string(file),
            ]
            if let card { document["card"] = .string(card) }
            print(try JSONValue.object(document).text())
        } else {
            print("key \(key.keyID) in \(file)\npublic \(publicKey)" + (card.map { " in \($0)" } ?? ""))
        }
    }
}

extension KeyKind: ExpressibleByArgument {}

extension KeyCard {
    /// Where the card of a private key lies: `ops.pem` → `ops.pub`.
    static func path(of privateKey: String) -> String {
        (privateKey.hasSuffix(".pem") ? String(privateKey.dropLast(4)) : privateKey) + ".pub"
    }
}
