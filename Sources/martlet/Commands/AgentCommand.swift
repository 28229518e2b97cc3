import ArgumentParser
import FleetClient
import FleetModel
import Foundation

/// `martlet agent`: the devices' own program, which goes through releases and rollouts as models do.
struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent", abstract: "Push and list versions of the devices' own program.",
        subcommands: [Push.self, List.self])

    struct Push: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Register a martlet-agent binary as the next version of the agent.",
            discussion: """
                From there it is a release like any other, in the slot of its own that every device has:
                  martlet agent push .build-agent/martlet-agent --version 1.4.0 --hardware x86_64-generic
                  martlet release create martlet-agent:1 --key ops.pem
                  martlet release approve martlet-agent-1 --key lead.pem
                  martlet rollout start martlet-agent-1 --wave canary:0.1 --wave rest:1
                A device that finds it wanting goes back by itself (docs/device.md).
                """)
        @OptionGroup var client: ClientOptions
        @Argument(help: "The executable file, stripped.") var file: String
        @Option(help: "What the program calls itself, such as 1.4.0.") var version: String
        @Option(help: "Hardware that it runs on, as devices name theirs, such as x86_64-generic; may be repeated.")
        var hardware: [String]

        func validate() throws {
            guard !hardware.isEmpty else { throw ValidationError("--hardware is needed, such as x86_64-generic") }
        }

        func run() async throws {
            let bytes = try Arguments.file(file)
            try await client.run { api in
                let answer = try await api.upload(
                    "/api/v1/agents", query: [("version", version), ("hardware", hardware.joined(separator: ","))],
                    type: "application/octet-stream", bytes)
                try client.show(answer) { "\($0["id"].cell), program \($0["image"].cell)" }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the agent's versions, newest first.")
        @OptionGroup var client: ClientOptions

        func run() async throws {
            try await client.run { api in
                let answer = try await api.get("/api/v1/models/\(ModelName.agent)")
                try client.list(
                    answer["versions"].array,
                    [
                        ("VERSION", "id"), ("WHAT", "description"), ("PROGRAM", "image"), ("CREATED", "createdAt"),
                        ("BY", "createdBy"),
                    ])
            }
        }
    }
}
