import ArgumentParser
import FleetClient
import FleetCrypto
import FleetModel
import Foundation

/// `martlet release`: make, sign and approve releases. Private keys never leave the machine that signs.
struct ReleaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release", abstract: "Create, sign, approve, list and show releases.",
        subcommands: [
            Create.self, Approve.self, ExportUnsigned.self, Sign.self, AddSignature.self, Reject.self, List.self,
            Show.self,
        ])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a release of a version and sign it.",
            discussion: """
                Classes, normalisation, baseline, drift thresholds and golden vectors come from the training run that \
                made the version. A version that was pushed is described by --dataset. The signature is made here \
                with --key.
                """)
        @OptionGroup var client: ClientOptions
        @Argument(help: "The version, model:number.") var version: String
        @Option(help: "The release's name (default: model-number).") var name: String?
        @Option(help: "Describe a pushed version by this dataset version, dataset:number.")
        var dataset: String?
        @Option(help: "Days until devices no longer install it.") var expiresDays: Int?
        @Option(help: "A selector that it is bound to, such as region=eu,line=3; repeatable: any of them will do.")
        var scope: [String] = []
        @Option(help: "Your release key (PEM); without it the release stays unsigned.") var key: String?
        @OptionGroup var passphrase: PassphraseOptions

        func run() async throws {
            let version = try Arguments.version(version)
            var body: [String: JSONValue] = [
                "model": .string(version.model.text), "version": .number(Double(version.number)),
            ]
            if let name { body["name"] = .string(name) }
            if let expiresDays { body["expiresDays"] = .number(Double(expiresDays)) }
            if let dataset {
                let described = try Arguments.version(dataset)
                body["dataset"] = .string(described.model.text)
                body["datasetVersion"] = .number(Double(described.number))
            }
            if !scope.isEmpty { body["scope"] = .array(scope.map(JSONValue.string)) }
            let signingKey = try key.map(passphrase.signingKey)
            try await client.run { api in
                var release = try await api.post("/api/v1/releases", .object(body))
                guard let name = release["name"].string else {
                    throw FleetClientError.malformed(path: "/api/v1/releases", reason: "the release has no name")
                }
                if let signingKey { release = try await ReleaseSigning.sign(name, with: signingKey, api: api) }
                try client.show(release) { "release \($0["name"].cell) is \($0["stage"].cell)" }
            }
        }
    }

    struct Approve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Approve a release by signing it with your key, all in one step.",
            discussion: """
                It becomes approved when the threshold of distinct keys and people is reached. With a key that never \
                sees a network: release export-unsigned, release sign there, release add-signature.
                """)
        @OptionGroup var client: ClientOptions
        @Argument(help: "The release's name.") var release: String
        @Option(help: "Your release key (PEM).") var key: String
        @OptionGroup var passphrase: PassphraseOptions

        func run() async throws {
            let signingKey = try passphrase.signingKey(key)
            try await client.run { api in
                let answer = try await ReleaseSigning.sign(release, with: signingKey, api: api)
                try client.show(answer) { "release \($0["name"].cell) is \($0["stage"].cell)" }
            }
        }
    }

    struct Reject: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Reject a release that waits for approval.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The release's name.") var release: String
        @Option(help: "Why; goes to the audit.") var reason: String

        func run() async throws {
            try await client.run { api in
                let answer = try await api.post("/api/v1/releases/\(release)/reject", ["reason": .string(reason)])
                try client.show(answer) { "release \($0["name"].cell) is \($0["stage"].cell)" }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List releases.")
        @OptionGroup var client: ClientOptions

        func run() async throws {
            try await client.run { api in
                try client.list(
                    try await api.all("/api/v1/releases"),
                    [
                        ("RELEASE", "name"), ("STAGE", "stage"), ("VERSION", "parts.0.version"), ("COUNTER", "counter"),
                        ("CREATED", "createdAt"), ("EXPIRES", "expiresAt"),
                    ])
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one release.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The release's name.") var release: String

        func run() async throws {
            try await client.run { api in
                try client.show(try await api.get("/api/v1/releases/\(release)"), Details.text)
            }
        }
    }
}
