import ArgumentParser
import FleetClient
import FleetCrypto
import FleetModel
import FleetStore
import FleetWire
import Foundation

/// Signing where there is no network: the release goes there as a file, and comes back with a signature.
extension ReleaseCommand {
    struct ExportUnsigned: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a release to a file that is to be signed on another machine.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The release's name.") var release: String
        @Option(help: "Where to write it; it must not exist.") var out: String

        func run() async throws {
            try await client.run { api in
                let message = try await ReleaseSigning.unsigned(release, api: api)
                try PrivateFile.write(message.encoded(), to: out, mode: 0o644, replacing: false)
                let manifest = try ReleaseManifest(decoding: message.payload)
                try client.show(["release": .string(release), "file": .string(out)]) { _ in
                    "\(ReleaseSigning.summary(manifest))\nwrote \(out): sign it with martlet release sign \(out) --key KEY"
                }
            }
        }
    }

    struct Sign: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sign a release's file with your key; offline.",
            discussion: """
                Prints what is in it first. The signature is added to the file, to be handed in with release \
                add-signature. The online form is release approve.
                """)
        @Argument(help: "The file of release export-unsigned.") var file: String
        @Option(help: "Your release key (PEM).") var key: String
        @OptionGroup var passphrase: PassphraseOptions

        func run() throws {
            var message = try ReleaseSigning.message(file: file)
            let manifest = try ReleaseManifest(decoding: message.payload)
            print(ReleaseSigning.summary(manifest))
            guard manifest.expires > .now() else {
                throw ValidationError("the release has expired: ask for a new one")
            }
            let signingKey = try passphrase.signingKey(key)
            try message.sign(.release, keyID: signingKey.keyID, using: signingKey.sign)
            try PrivateFile.write(message.encoded(), to: file, mode: 0o644)
            print("signed by key \(signingKey.keyID) in \(file): hand it in with martlet release add-signature")
        }
    }

    struct AddSignature: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Hand in the signature of a release's file.",
            discussion: "Each person hands in one's own, under one's own token.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The file of release sign.") var file: String
        @Option(help: "The id of the key whose signature is meant, if the file holds several.") var signer: String?

        func run() async throws {
            let message = try ReleaseSigning.message(file: file)
            let manifest = try ReleaseManifest(decoding: message.payload)
            let signatures = message.signatures.filter { signer == nil || $0.keyID.text == signer }
            guard let signature = signatures.first, signatures.count == 1 else {
                let ids = message.signatures.map(\.keyID.text).joined(separator: ", ")
                throw ValidationError(
                    message.signatures.isEmpty
                        ? "\(file) holds no signature yet: martlet release sign \(file) --key KEY"
                        : "\(file) holds signatures of \(ids): say whose is yours with --signer ID")
            }
            try await client.run { api in
                let held = try await ReleaseSigning.unsigned(manifest.name.text, api: api)
                guard held.payload == message.payload else {
                    throw FleetClientError.malformed(
                        path: file,
                        reason: "it is another release '\(manifest.name)' than the controller's: export it again")
                }
                let answer = try await ReleaseSigning.handIn(signature, for: manifest.name.text, api: api)
                try client.show(answer) { "release \($0["name"].cell) is \($0["stage"].cell)" }
            }
        }
    }
}
