import ArgumentParser

/// The command line of the controller.
@main
struct Martlet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet",
        abstract: "Manage machine-learning models on a fleet of edge devices.",
        discussion: """
            Commands talk to the controller at --url (or MARTLET_URL) with the token in --token, --token-file, \
            MARTLET_TOKEN or MARTLET_TOKEN_FILE. Every command that asks the controller prints JSON with --json.

            Exit codes: 0 done; 1 failed; 3 refused by the controller; 4 not allowed (token or role); 5 not found; \
            6 no controller answers; 7 the rollout or training run that was waited for did not succeed; 64 wrong usage.

            Shell completions: martlet --generate-completion-script bash|zsh|fish
            """,
        version: Version.text,
        subcommands: [
            ServeCommand.self, ConfigCommand.self, KeyCommand.self, TokenCommand.self, DeviceCommand.self,
            ModelCommand.self, AgentCommand.self, RootCommand.self, ReleaseCommand.self, RolloutCommand.self,
            SampleCommand.self,
            DatasetCommand.self,
            TrainCommand.self, PolicyCommand.self, AlertCommand.self,
        ])
}

/// The product's version.
enum Version {
    static let text = "0.1.0"
}
