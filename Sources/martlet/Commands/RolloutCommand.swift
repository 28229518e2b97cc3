import ArgumentParser
import FleetClient
import Foundation

/// `martlet rollout`: releases on their way to devices.
struct RolloutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollout", abstract: "Start, watch, pause, resume and abort rollouts.",
        subcommands: [Start.self, Status.self, List.self, Pause.self, Resume.self, Abort.self, RollBack.self])

    struct Start: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Roll a release out in waves.",
            discussion: """
                A wave is a cumulative share of the devices, or a selector: --wave 0.1 --wave 0.5 --wave 1, or \
                --wave canary:0.1.
                """)
        @OptionGroup var client: ClientOptions
        @Argument(help: "The release's name.") var release: String
        @Option(help: "Which devices.") var selector = "*"
        @Option(name: .customLong("wave"), help: "[name:]share of all devices so far, 0...1; may be repeated.")
        var waves: [String] = ["canary:0.1", "rest:1"]
        @Option(help: "Share of a wave that must send receipts before the next one, 0...1.") var minimumReceipts = 1.0
        @Option(help: "Share of failures above which the rollout pauses, 0...1.") var maximumFailures = 0.0
        @Option(help: "Seconds until a device without a receipt counts as timed out.") var deadline = 1800
        @Option(help: "Seconds that a wave runs after its last receipt.") var soak = 0
        @Flag(help: "Wait until it ends; exit code 7 unless it completes.") var wait = false

        func run() async throws {
            let waves = try waves.enumerated().map { index, text in try wave(text, number: index + 1) }
            try await client.run { api in
                let rollout = try await api.post(
                    "/api/v1/rollouts",
                    ["release": .string(release), "selector": .string(selector), "waves": .array(waves)])
                let id = rollout["id"].cell
                var state = try await api.post("/api/v1/rollouts/\(id)/start")
                if wait { state = try await RolloutWatch(api: api, quiet: client.json).untilDone(id) }
                try client.show(state, RolloutWatch.line)
                if wait, state["state"].string != "completed" { throw ExitStatus.notSuccessful }
            }
        }

        private func wave(_ text: String, number: Int) throws -> JSONValue {
            let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
            guard let share = parts.last.flatMap(Double.init), (0...1).contains(share) else {
                throw ValidationError("--wave \(text): write [name:]share with a share of 0 to 1")
            }
            return [
                "name": .string(parts.count == 2 ? parts[0] : "wave-\(number)"), "share": .number(share),
                "minimumReceipts": .number(minimumReceipts), "maximumFailures": .number(maximumFailures),
                "soakSeconds": .number(Double(soak)), "deadlineSeconds": .number(Double(deadline)),
            ]
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a rollout with its waves.")
        @OptionGroup var client: ClientOptions
        @Argument(help: "The rollout's id.") var rollout: String
        @Flag(help: "Wait until it ends; exit code 7 unless it completes.") var wait = false

        func run() async throws {
            try await client.run { api in
                let state =
                    wait
                    ? try await RolloutWatch(api: api, quiet: client.json).untilDone(rollout)
                    : try await api.get("/api/v1/rollouts/\(rollout)")
                try client.show(state, Details.text)
                if wait, state["state"].string != "completed" { throw ExitStatus.notSuccessful }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List rollouts.")
        @OptionGroup var client: ClientOptions

        func run() async throws {
            try await client.run { api in
                try client.list(
                    try await api.all("/api/v1/rollouts"),
                    [
                        ("ROLLOUT", "id"), ("RELEASE", "release"), ("STATE", "state"), ("REASON", "reason"),
                        ("CREATED", "createdAt"),
                    ])
            }
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Offer the release to no further device.")
        @OptionGroup var action: RolloutAction
        func run() async throws { try await action.post("pause") }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Go on after a pause.")
        @OptionGroup var action: RolloutAction
        func run() async throws { try await action.post("resume") }
    }

    struct Abort: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Stop; devices keep what they run.")
        @OptionGroup var action: RolloutAction
        func run() async throws { try await action.post("abort") }
    }

    struct RollBack: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rollback", abstract: "Return the devices to the release that they ran before.")
        @OptionGroup var action: RolloutAction
        func run() async throws { try await action.post("rollback") }
    }
}

/// What pause, resume and abort share.
struct RolloutAction: ParsableArguments {
    @OptionGroup var client: ClientOptions
    @Argument(help: "The rollout's id.") var rollout: String
    @Option(help: "Why; goes to the audit.") var reason: String?

    func post(_ action: String) async throws {
        try await client.run { api in
            let body: JSONValue = reason.map { ["reason": .string($0)] } ?? [:]
            try client.show(try await api.post("/api/v1/rollouts/\(rollout)/\(action)", body), RolloutWatch.line)
        }
    }
}

/// Waits for a rollout's end, with a line per change.
struct RolloutWatch {
    let api: FleetClient
    let quiet: Bool

    func untilDone(_ id: String) async throws -> JSONValue {
        var last = ""
        while true {
            let state = try await api.get("/api/v1/rollouts/\(id)")
            let line = Self.line(state)
            if line != last, !quiet { print(line) }
            last = line
            if ["completed", "aborted", "rolledBack", "paused"].contains(state["state"].string) { return state }
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    static func line(_ state: JSONValue) -> String {
        let reason = state["reason"].string.map { $0.isEmpty ? "" : ": \($0)" } ?? ""
        return "rollout \(state["id"].cell) of \(state["release"].cell) is \(state["state"].cell)\(reason), "
            + "\(state["succeeded"].cell) of \(state["devices"].cell) devices have sent a receipt"
    }
}
