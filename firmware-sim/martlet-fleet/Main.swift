import ArgumentParser

/// A simulated fleet.
@main
struct Fleet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet-fleet",
        abstract: "Run simulated devices: real device code, in virtual time or on a real broker.",
        subcommands: [Run.self, Explore.self, Live.self, Bench.self])
}
