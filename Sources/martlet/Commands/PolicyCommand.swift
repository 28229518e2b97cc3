import ArgumentParser
import FleetClient

/// `martlet policy`: sampling and retraining rules.
struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Set, list and show sampling and retraining policies.",
        subcommands: [Set.self, List.self, Show.self])

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Store a policy document (JSON).")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The policy's name.") var name: String
        @Argument(help: "A file with the document.") var file: String

        func run() async throws {
            let bytes = try Arguments.file(file)
            guard let document = try? JSONValue(parsing: bytes) else { throw ValidationError("\(file) is not JSON") }
            try await client.run { api in
                try client.show(try await api.put("/api/v1/policies/\(name)", document)) { _ in "stored policy \(name)"
                }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List policies.")
        @OptionGroup var client: ClientOptions

        func run() async throws {
            try await client.run { api in
                try client.list(
                    try await api.all("/api/v1/policies"),
                    [("POLICY", "name"), ("KIND", "kind"), ("ENABLED", "enabled"), ("UPDATED", "updatedAt")])
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one policy.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The policy's name.") var name: String

        func run() async throws {
            try await client.run { api in
                try client.show(try await api.get("/api/v1/policies/\(name)"), Details.text)
            }
        }
    }
}
