import ArgumentParser
import FleetClient

/// `martlet token`: who may call the API.
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Create, list and revoke API tokens.",
        subcommands: [Create.self, List.self, Revoke.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a token; its secret is shown once.",
            discussion: "Roles, each including those before it: viewer, annotator, operator, approver, admin.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "Whose token it is: the identity in the audit.") var identity: String
        @Option(help: "viewer, annotator, operator, approver or admin.") var role = "viewer"
        @Option(help: "Days until it ends.") var expiresDays: Int?

        func run() async throws {
            var body: [String: JSONValue] = ["identity": .string(identity), "role": .string(role)]
            if let expiresDays { body["expiresDays"] = .number(Double(expiresDays)) }
            try await client.run { api in
                try client.show(try await api.post("/api/v1/tokens", .object(body))) { $0["token"].cell }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List tokens without their secrets.")
        @OptionGroup var client: ClientOptions

        func run() async throws {
            try await client.run { api in
                try client.list(
                    try await api.all("/api/v1/tokens"),
                    [
                        ("TOKEN", "id"), ("IDENTITY", "identity"), ("ROLE", "role"), ("EXPIRES", "expiresAt"),
                        ("LAST USED", "lastUsedAt"),
                    ])
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Revoke a token.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The token's id.") var token: String

        func run() async throws {
            try await client.run { api in
                _ = try await api.delete("/api/v1/tokens/\(token)")
                try client.show(["revoked": .string(token)]) { _ in "revoked \(token)" }
            }
        }
    }
}
