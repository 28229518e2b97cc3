import ArgumentParser
import FleetClient
import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation

/// `martlet root`: what the holder of the offline root does. `sign`, `rotate` and `inspect` need no network.
struct RootCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "root", abstract: "Say under the offline root who may sign; rotate the root.",
        discussion: "docs/trust.md goes through it step by step.",
        subcommands: [Sign.self, Rotate.self, Inspect.self, Publish.self, Show.self])

    struct Sign: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a role document from a description and sign it; offline.")
        @Argument(help: "The description (YAML or JSON, docs/trust.md); keys are named by their cards.")
        var description: String
        @Option(help: "The root's private key (PEM).") var key: String
        @Option(help: "The role document in force; without it this is a fleet's first.") var previous: String?
        @Option(help: "Where to write the signed document; it must not exist.") var out: String
        @OptionGroup var passphrase: PassphraseOptions

        func run() throws {
            let message = try RootDocuments.sign(
                RolesDescription(file: description), after: try previous.map(Arguments.file),
                root: passphrase.signingKey(key), at: .now())
            try RootCommand.write(message, to: out)
        }
    }

    struct Rotate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a new root in the old one's place, signed by both; offline.",
            discussion: """
                The roles stay as they are unless --roles describes new ones. Devices that were away follow the chain \
                of rotations from the root that they pin.
                """)
        @Option(help: "The role document in force.") var previous: String
        @Option(help: "The private key of the root that signed it (PEM).") var key: String
        @Option(help: "The new root's private key (PEM).") var newKey: String
        @Option(help: "Who holds the new root.") var holder = "root"
        @Option(help: "A description of new roles.") var roles: String?
        @Option(help: "Where to write the signed document; it must not exist.") var out: String
        @OptionGroup var passphrase: PassphraseOptions

        func run() throws {
            let message = try RootDocuments.rotate(
                Arguments.file(previous), description: try roles.map(RolesDescription.init(file:)),
                old: passphrase.signingKey(key), new: passphrase.signingKey(newKey), holder: holder, at: .now())
            try RootCommand.write(message, to: out)
        }
    }

    struct Inspect: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a role document, and check its signatures with --root; offline.")
        @Argument(help: "The role document.") var file: String
        @Option(help: "The card of the root that is trusted; the document must lead back to it.") var root: String?
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            let message = try Arguments.file(file)
            var shown = try RolesDocument.json(message).object
            if let root {
                let signed = try SignedRoles(
                    decoding: message, pinned: KeyCard(file: root).trusted, using: VerificationKey.check)
                shown["verified"] = .string("leads from \(root) to root \(signed.root.id)")
            }
            print(json ? try JSONValue.object(shown).text(pretty: true) : Details.text(.object(shown)))
            if root == nil { Terminal.complain("nothing was verified: give the card of the root with --root") }
        }
    }

    struct Publish: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Hand a signed role document to the controller, which checks and publishes it.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The signed role document.") var file: String

        func run() async throws {
            let bytes = try Arguments.file(file)
            try await client.run { api in
                let answer = try await api.upload("/api/v1/trust/roles", type: "application/cose", bytes)
                try client.show(answer) {
                    "role document \($0["number"].cell) is in force until \($0["expires"].cell)"
                }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the controller's root, roles and their state; --out keeps the document itself.")
        @OptionGroup var client: ClientOptions
        @Option(help: "Write the signed role document in force here, for --previous.") var out: String?

        func run() async throws {
            try await client.run { api in
                if let out { try RootCommand.write(try await api.download("/api/v1/trust/roles"), to: out) }
                try client.show(try await api.get("/api/v1/trust"), Details.text)
            }
        }
    }

    /// Writes a document that anybody may read, and never over another one.
    fileprivate static func write(_ message: [UInt8], to path: String) throws {
        try PrivateFile.write(message, to: path, mode: 0o644, replacing: false)
        let roles = try TrustRoles(decoding: COSESign(decoding: message).payload)
        Terminal.complain(
            "wrote role document \(roles.number), valid until \(RolesDocument.text(roles.expires)), to \(path)")
    }
}
