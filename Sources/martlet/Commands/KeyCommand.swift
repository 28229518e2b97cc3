import ArgumentParser
import FleetClient
import FleetCrypto
import FleetModel
import Foundation

/// `martlet key`: release keys, which people hold and the controller never sees.
struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Make release keys.", subcommands: [Create.self, Show.self])

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make an Ed25519 release key.")
        @Option(help: "Where to write the private key (PEM, mode 0600); it must not exist.") var out: String
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            guard !FileManager.default.fileExists(atPath: out) else {
                throw ValidationError("\(out) exists already: a key is never overwritten")
            }
            let key = try SigningKey.generate()
            try key.write(pemFile: out)
            try KeyCommand.show(key, file: out, json: json)
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print a key's id and public part.")
        @Argument(help: "The private key (PEM).") var file: String
        @Flag(help: "Print JSON.") var json = false

        func run() throws { try KeyCommand.show(try SigningKey(pemFile: file), file: file, json: json) }
    }

    private static func show(_ key: SigningKey, file: String, json: Bool) throws {
        let publicKey = Hexadecimal.text(key.publicKey)
        if json {
            let document: JSONValue = [
                "id": .string(key.keyID.text), "publicKey": .string(publicKey), "file": .string(file),
            ]
            print(try document.text())
        } else {
            print("key \(key.keyID) in \(file)\npublic \(publicKey)")
        }
    }
}
