import ArgumentParser
import Foundation
import FrameSource
import MQTTTransport
import VirtualFleet

/// Devices on a real broker.
struct Live: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run devices on a real broker until SIGTERM or Ctrl-C.",
        discussion: """
            --devices is a folder with one identity folder per device, each made by `martlet device provision`. Every \
            device replays its own recordings in an order drawn from --seed and logs its predictions.
            """)

    @Option(help: "A configuration file with a stream and a loop section.") var config: String
    @Option(help: "A folder of identity folders.") var devices: String
    @Option(help: "Where prediction logs go, one CSV a device.") var predictions: String
    @Option(help: "The seed of every random choice.") var seed: UInt64 = 1
    @Option(help: "Frames a second of each device (default: the configuration's).") var rate: Int?

    func run() async throws {
        let loopDescription = try LoopDescription(file: config)
        let frames = try StreamReader(loopDescription.stream).frames()
        try FileManager.default.createDirectory(atPath: predictions, withIntermediateDirectories: true)
        let loop = try MQTTLoop()
        let runner = try FleetRunner(
            plan: FleetRunner.Plan(
                devicesFolder: devices, outputFolder: predictions,
                framesPerSecond: rate ?? loopDescription.framesPerSecond, seed: seed),
            frames: frames, loop: loop
        ) { Output.line($0) }
        loop.start()
        Output.line("\(runner.count) devices, seed \(seed)")
        runner.start()
        await Signals.termination()
        try await runner.drain()
        loop.stop()
    }
}
