import ArgumentParser
import FleetClient

extension DeviceCommand {
    /// What a device's agent said, as it reached the controller.
    struct Log: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what a device's agent said: problems and lost connections, the newest last.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The device's id.") var device: String
        @Option(help: "How many lines, 1 to 500.") var last = 50

        func validate() throws {
            guard (1...500).contains(last) else { throw ValidationError("--last is a number from 1 to 500") }
        }

        func run() async throws {
            try await client.run { api in
                let page = try await api.get("/api/v1/devices/\(device)/log", query: [("limit", "\(last)")])
                try client.list(
                    page["items"].array.reversed(),
                    [
                        ("SAID", "at"), ("SEVERITY", "severity"), ("TIMES", "count"), ("GIVEN UP BEFORE", "dropped"),
                        ("WHAT", "text"),
                    ])
            }
        }
    }
}
