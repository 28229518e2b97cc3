import AsyncHTTPClient
import FleetClient
import FleetModel
import Foundation
import FrameSource
import NIOCore
import VirtualFleet

/// What the demo was asked to do.
struct StoryOptions {
    var configFile: String
    var folder: String
    var binaries: String
    var seed: UInt64
    var keep: Bool
    /// The controller is killed in the middle of each rollout.
    var crash: Bool
    var buildSeconds: Double
}

/// The demo's story, act by act. It drives programs, the command line and the HTTP API, and nothing else.
final class Story {
    let options: StoryOptions
    let progress = Progress()
    let loop: LoopDescription
    let frames: [RecordedFrame]
    let judge: Judge
    /// The controller's process: apart from the others, because it may be killed and started again.
    var server: ChildProcess?
    var children: [ChildProcess] = []
    var summary = Summary()
    var loopStart = ContinuousClock.now
    /// Starts of the controller so far.
    var starts = 0

    init(options: StoryOptions) throws {
        self.options = options
        loop = try LoopDescription(file: options.configFile)
        frames = try StreamReader(loop.stream).frames()
        judge = Judge(frames: frames)
    }

    /// Devices in order of appearance.
    var devices: [DeviceID] {
        var seen: Set<DeviceID> = []
        return frames.map(\.device).filter { seen.insert($0).inserted }
    }

    var predictionFolder: String { "\(options.folder)/predictions" }
    var logFolder: String { "\(options.folder)/logs" }

    /// Tells everything, cleans up, and throws unless all claims came true.
    func tell() async throws {
        let manager = FileManager.default
        for folder in [predictionFolder, logFolder, "\(options.folder)/fleet", "\(options.folder)/agents"] {
            try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }
        let http = try FleetClient.pool(authorityFile: nil)
        defer { stopChildren() }
        do {
            try await acts(http)
        } catch {
            try? await http.shutdown()
            throw error
        }
        try await http.shutdown()
    }

    private func acts(_ http: HTTPClient) async throws {
        progress.say(
            "Martlet's whole loop on \(loop.stream.name): \(frames.count) frames of \(devices.count) devices, "
                + "seed \(options.seed)")
        let receiver = WebhookReceiver()
        let controller = try await startController(http)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await receiver.run() }
            try await firstVersion(controller, receiver)
            let feeders = try await startFleet(controller, http)
            for feeder in feeders { group.addTask { try await feeder.run() } }
            try await firstRollout(controller)
            try await watch(controller, receiver)
            try await learn(controller)
            try await secondRollout(controller)
            try await judgeAll(controller, receiver)
            if options.keep, summary.isTrue(for: loop) { try await stay(controller) }
            group.cancelAll()
        }
        try summary.verdict(for: loop)
    }

    func stopChildren() {
        for child in children.reversed() { child.stop() }
        children.removeAll()
        server?.stop()
        server = nil
    }

    /// Polls until `isDone`, failing when a child has died or the time is up.
    func wait(
        for what: String, seconds: Int, every interval: Duration = .milliseconds(300),
        until isDone: () async throws -> Bool
    ) async throws {
        let end = ContinuousClock.now + .seconds(seconds)
        while try await !isDone() {
            for child in children { try child.check() }
            try server?.check()
            guard ContinuousClock.now < end else { throw DemoError.waitedTooLong(what, seconds: seconds) }
            try await Task.sleep(for: interval)
        }
    }
}

/// The controller as the demo's people see it.
struct Controller {
    var url: String
    /// The API with each person's token.
    var admin: FleetClient
    var annotator: FleetClient
    var tools: Tools
    var adminToken: String
    var operatorToken: String
    var approverToken: String
    var folder: String
    var port: Int
    var http: HTTPClient
    var operatorKey: String { "\(folder)/keys/ops.pem" }
    var approverKey: String { "\(folder)/keys/lead.pem" }
}
