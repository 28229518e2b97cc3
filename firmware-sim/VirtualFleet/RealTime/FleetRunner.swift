import DeviceHost
import FleetModel
import Foundation
public import FrameSource
public import MQTTTransport
import Sketches

/// Many devices in one process, on one loop: each is a real `DeviceHost` that replays its own recordings.
///
/// `@unchecked Sendable`: what changes is touched on the loop's thread alone.
public final class FleetRunner: @unchecked Sendable {
    /// What a run needs.
    public struct Plan: Sendable {
        /// A folder with one identity folder per device.
        public var devicesFolder: String
        /// Where prediction logs and the ledger of acknowledgements go.
        public var outputFolder: String
        public var framesPerSecond: Int
        public var seed: UInt64

        public init(devicesFolder: String, outputFolder: String, framesPerSecond: Int, seed: UInt64) {
            self.devicesFolder = devicesFolder
            self.outputFolder = outputFolder
            self.framesPerSecond = framesPerSecond
            self.seed = seed
        }
    }

    /// Most devices in one process.
    public static let deviceLimit = 10_000

    private let loop: MQTTLoop
    private let plan: Plan
    private let observer: @Sendable (String) -> Void
    private var members: [SimulatedDevice] = []

    /// Opens every device; nothing moves until `start`.
    ///
    /// - Parameters:
    ///   - frames: of all devices; those without an identity in the folder are left out.
    ///   - observer: told what devices say, for a log.
    public init(
        plan: Plan, frames: [RecordedFrame], loop: MQTTLoop, observer: @escaping @Sendable (String) -> Void
    ) throws {
        self.plan = plan
        self.loop = loop
        self.observer = observer
        let names = try FileManager.default.contentsOfDirectory(atPath: plan.devicesFolder).sorted()
        guard !names.isEmpty else { throw SimulationError.noIdentity(folder: plan.devicesFolder) }
        let ofDevice = Dictionary(grouping: frames, by: \.device.text)
        for name in names.prefix(Self.deviceLimit) {
            guard let own = ofDevice[name], let replay = StreamReplay(frames: own, seed: plan.seed) else {
                throw SimulationError.noFrames(device: name)
            }
            let identity = "\(plan.devicesFolder)/\(name)"
            var configuration = try DeviceConfiguration(identity: identity, folder: "\(identity)/state")
            var generator = SeededGenerator(seed: plan.seed, name: name)
            configuration.seed = generator.next()
            members.append(
                try SimulatedDevice(
                    configuration: configuration, replay: replay, outputFolder: plan.outputFolder, loop: loop,
                    observer: observer))
        }
    }

    public var count: Int { members.count }

    /// Starts all devices; each infers whenever something serves in its slot.
    public func start() {
        let interval = Int64(1000 / max(plan.framesPerSecond, 1))
        SharedProcess.keepTrimming(on: loop)
        for (index, member) in members.enumerated() {
            member.host.start()
            // Spread over one interval, so that the loop's work is even.
            let offset = interval * Int64(index) / Int64(members.count)
            loop.schedule(after: offset) { member.pace(every: max(interval, 1)) }
        }
    }

    /// Stops inference, lets every device store and send what it has counted, and closes all.
    public func drain() async throws {
        loop.perform { [self] in for member in members { member.isPaused = true } }
        await withTaskGroup(of: Void.self) { group in
            for member in members {
                group.addTask { await member.stop() }
            }
        }
        for member in members { try member.close() }
    }
}

/// One device with its stream.
///
/// `@unchecked Sendable`: touched on the loop's thread alone, but for `stop` and `close` at the end.
final class SimulatedDevice: @unchecked Sendable {
    let host: DeviceHost
    var isPaused = false
    private var replay: StreamReplay
    private let log: PredictionLog
    private let loop: MQTTLoop
    private let observer: @Sendable (String) -> Void
    private var nextDue: Int64 = 0

    init(
        configuration: DeviceConfiguration, replay: StreamReplay, outputFolder: String, loop: MQTTLoop,
        observer: @escaping @Sendable (String) -> Void
    ) throws {
        let name = configuration.device.text
        self.replay = replay
        self.loop = loop
        self.observer = observer
        log = try PredictionLog(path: "\(outputFolder)/\(name).csv")
        host = try DeviceHost(configuration: configuration, platform: .sharedProcess(loop: loop)) { notice in
            observer("\(name): \(notice)")
        }
    }

    /// Infers one frame and comes back; late turns are not caught up.
    func pace(every interval: Int64) {
        guard !isPaused else { return }
        let now = Self.milliseconds()
        if host.isReady { inferOnce(at: now) }
        nextDue = max(nextDue + interval, now + 1)
        if nextDue < now { nextDue = now + interval }
        loop.schedule(after: max(1, nextDue - now)) { [weak self] in self?.pace(every: interval) }
    }

    private func inferOnce(at now: Int64) {
        let frame = replay.next()
        do {
            let answer = try host.infer(frame: frame.values, tag: "f\(frame.index)")
            try log.append(
                PredictionLog.Entry(
                    device: frame.device.text, frame: frame.index, version: answer.version.number,
                    classIndex: answer.classIndex), atMilliseconds: now)
        } catch {
            observer("\(frame.device): \(error)")
        }
    }

    func stop() async {
        await withCheckedContinuation { continuation in host.stop { continuation.resume() } }
    }

    func close() throws { try log.flush() }

    private static func milliseconds() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
}
