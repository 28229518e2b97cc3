import ArgumentParser
import Foundation
import VirtualFleet

/// The whole loop on real data: from a recorded stream to a fleet that has learnt.
@main
struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet-demo",
        abstract: "Run the whole loop on a described stream: train, release, roll out, watch, annotate, retrain.",
        discussion: """
            Exits 0 only if everything that the configuration expects came true; the folder then holds summary.json. \
            Replay order and the fleet's sampling come from --seed, training from a fixed seed; timing may vary.
            """)

    @Option(help: "A configuration file with a stream and a loop section.") var config = "config/shoulder.yaml"
    @Option(help: "The demo's data folder; it is emptied first.") var data = "demo-data"
    @Option(help: "The seed of replay order and sampling.") var seed: UInt64 = 3
    @Option(help: "Where the programs lie (default: beside this one).") var binaries: String?
    @Option(help: .hidden) var buildSeconds: Double = 0
    @Flag(help: "Kill the controller (SIGKILL) in the middle of each rollout and start it again.") var crash = false
    @Flag(help: "Leave everything running at the end, until Ctrl-C.") var keep = false

    func run() async throws {
        let folder = URL(fileURLWithPath: data).standardizedFileURL.path
        try Self.empty(folder)
        let options = StoryOptions(
            configFile: config, folder: folder,
            binaries: binaries
                ?? URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
                .deletingLastPathComponent().path,
            seed: seed, keep: keep, crash: crash, buildSeconds: buildSeconds)
        let interruption = Task { await Interruption.shared.watch() }
        defer { interruption.cancel() }
        do {
            try await Story(options: options).tell()
        } catch {
            FileHandle.standardError.write(Data("\nmartlet-demo: \(error)\n".utf8))
            throw ExitCode.failure
        }
    }

    /// Empties a folder that an earlier demo made; any other folder with files in it is left alone.
    private static func empty(_ folder: String) throws {
        let manager = FileManager.default
        let marker = "\(folder)/.martlet-demo"
        let isEmpty = ((try? manager.contentsOfDirectory(atPath: folder)) ?? []).isEmpty
        guard isEmpty || manager.fileExists(atPath: marker) else {
            throw ValidationError("\(folder) holds files that no demo made: choose another folder with --data")
        }
        try? manager.removeItem(atPath: folder)
        try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
        _ = manager.createFile(atPath: marker, contents: nil)
    }
}
