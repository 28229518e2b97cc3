import ArgumentParser
import FleetClient

/// `martlet sample`: frames that devices kept for people.
struct SampleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sample", abstract: "List and label samples.",
        subcommands: [List.self, Label.self, Withdraw.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List samples, the newest first.")
        @OptionGroup var client: ClientOptions
        @Option(help: "open or annotated.") var state: String?
        @Option(help: "Devices that match a selector, such as side=L.") var selector: String?
        @Option(help: "At most this many.") var limit = 50

        func run() async throws {
            try await client.run { api in
                let page = try await api.get(
                    "/api/v1/samples", query: [("state", state), ("selector", selector), ("limit", "\(limit)")])
                try client.list(
                    page["items"].array,
                    [
                        ("SAMPLE", "id"), ("DEVICE", "device"), ("VERSION", "version"), ("GUESS", "guess"),
                        ("CONFIDENCE", "confidence"), ("CHOSEN WITH P", "probability"), ("VERDICT", "verdict"),
                        ("CLASS", "class"),
                    ])
            }
        }
    }

    struct Label: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Annotate a sample with a class, or as unusable.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The sample's id.") var sample: String
        @Argument(help: "The class's name.") var label: String?
        @Flag(help: "Nobody could tell from this frame.") var unusable = false

        func run() async throws {
            guard (label != nil) != unusable else { throw ValidationError("give either a class or --unusable") }
            var body: [String: JSONValue] = ["verdict": .string(unusable ? "unusable" : "class")]
            if let label { body["class"] = .string(label) }
            try await client.run { api in
                let answer = try await api.post("/api/v1/samples/\(sample)/annotations", .object(body))
                try client.show(answer) { _ in "annotated sample \(sample)" }
            }
        }
    }

    struct Withdraw: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a sample's newest annotation back; the one before counts again, or none.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The sample's id.") var sample: String

        func run() async throws {
            try await client.run { api in
                let answer = try await api.delete("/api/v1/samples/\(sample)/annotations")
                try client.show(answer) { _ in "withdrew the newest annotation of sample \(sample)" }
            }
        }
    }
}
