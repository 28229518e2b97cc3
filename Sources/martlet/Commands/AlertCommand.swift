import ArgumentParser
import FleetClient

/// `martlet alert`: what needs a person.
struct AlertCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alert", abstract: "List and acknowledge alerts.", subcommands: [List.self, Acknowledge.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List alerts, the newest first.")
        @OptionGroup var client: ClientOptions
        @Flag(help: "Closed alerts too.") var all = false

        func run() async throws {
            try await client.run { api in
                try client.list(
                    try await api.all("/api/v1/alerts", query: [("state", all ? nil : "open")]),
                    [
                        ("ALERT", "id"), ("KIND", "kind"), ("SUBJECT", "subject"), ("WHAT", "title"), ("DO", "action"),
                        ("OPENED", "openedAt"),
                    ])
            }
        }
    }

    struct Acknowledge: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Say that you have seen an alert.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The alert's id.") var alert: String

        func run() async throws {
            try await client.run { api in
                try client.show(try await api.post("/api/v1/alerts/\(alert)/acknowledge")) { _ in
                    "acknowledged \(alert)"
                }
            }
        }
    }
}
