public import FleetModel
import Foundation

/// The `loop` section of a configuration file: how a described stream becomes a fleet that learns.
public struct LoopDescription: Sendable {
    /// Labels that people give, by group of devices.
    public struct Quota: Sendable {
        public var selector: Selector
        public var count: Int
    }

    /// One wave of a rollout.
    public struct WaveShare: Sendable {
        public var name: String
        public var share: Double
    }

    /// What must hold at the end; nothing is demanded where a bound is missing.
    public struct Expectations: Sendable {
        /// Devices whose data has moved: all must alert.
        public var drifted: Selector?
        /// Devices whose data has not: none may alert.
        public var steady: Selector?
        /// Devices that neither model has seen, in the drifted part.
        public var judgedDrifted: Selector?
        /// Devices that neither model has seen, in the steady part.
        public var judgedSteady: Selector?
        public var driftedBefore: Double?
        public var driftedAfter: Double?
        public var steadyFall: Double?
    }

    public var stream: StreamDescription
    public var model: ModelName
    /// Devices whose frames train version 1.
    public var train: Selector
    /// Devices that send no samples.
    public var holdOut: Selector?
    /// The tag whose values are the groups of monitoring.
    public var groupBy: String
    /// The built-in trainer's `architecture`: `perceptron` or `convolution`.
    public var architecture: String
    public var trainerParameters: [String: String]
    public var sampling: SamplingPolicy
    public var reportSeconds: Int
    public var framesPerSecond: Int
    /// Devices that run as processes of their own.
    public var agents: [DeviceID]
    public var quotas: [Quota]
    public var driftDevices: Int
    public var annotationCount: Int
    public var firstWaves: [WaveShare]
    public var nextWaves: [WaveShare]
    public var expectations: Expectations

    /// Largest number of annotations that the loop may ask for.
    public var annotationLimit: Int { quotas.reduce(0) { $0 + $1.count } }

    /// Reads a configuration file with a `stream` and a `loop` section.
    public init(file path: String) throws {
        let problems = ProblemList()
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ConfigurationError(
                file: path, problems: [ConfigurationProblem(line: 0, key: "", message: "cannot be read")])
        }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let loop = YAMLSection.root(text: String(decoding: data, as: UTF8.self), problems: problems)
            .flatMap { LoopDescription(root: $0, folder: folder) }
        guard let loop, problems.problems.isEmpty else {
            throw ConfigurationError(file: path, problems: problems.problems)
        }
        self = loop
    }

    /// Reads both sections; problems go to the sections' list.
    public init?(root: YAMLSection, folder: String) {
        defer { root.finish() }
        let stream = root.section("stream", required: true).flatMap { StreamDescription($0, folder: folder) }
        guard let loop = root.section("loop", required: true) else { return nil }
        defer { loop.finish() }
        let model = loop.name("model", required: true)
        let train = loop.selector("train", required: true)
        let trainer = loop.section("trainer")
        let architecture = trainer?.string("architecture", oneOf: ["perceptron", "convolution"])
        let parameters = trainer?.section("parameters")?.scalars() ?? [:]
        trainer?.finish()
        let sampling = loop.section("sampling").map(Self.sampling) ?? SamplingPolicy()
        let retrain = loop.section("retrain")
        let driftDevices = retrain?.integer("drift_devices", in: 0...10_000)
        let annotationCount = retrain?.integer("annotations", in: 1...1_000_000)
        retrain?.finish()
        let agents = (loop.strings("agents") ?? []).compactMap { text -> DeviceID? in
            guard let id = try? DeviceID(text) else {
                loop.complain("agents", "'\(text)' is not a device id")
                return nil
            }
            return id
        }
        guard let stream, let model, let train else { return nil }
        self.stream = stream
        self.model = model
        self.train = train
        holdOut = loop.selector("hold_out")
        groupBy = loop.string("group_by") ?? "id"
        self.architecture = architecture ?? "convolution"
        trainerParameters = parameters
        self.sampling = sampling
        reportSeconds = loop.integer("report_seconds", in: 1...86_400) ?? 60
        framesPerSecond = loop.integer("frames_per_second", in: 1...10_000) ?? 10
        self.agents = agents
        quotas = (loop.sections("annotations", required: true) ?? []).compactMap(Self.quota)
        self.driftDevices = driftDevices ?? 0
        self.annotationCount = annotationCount ?? 100
        firstWaves = (loop.sections("first_waves") ?? []).compactMap(Self.wave)
        nextWaves = (loop.sections("next_waves") ?? []).compactMap(Self.wave)
        expectations = loop.section("expect").map(Self.expectations) ?? Expectations()
    }

    private static func sampling(_ section: YAMLSection) -> SamplingPolicy {
        defer { section.finish() }
        let standard = SamplingPolicy()
        return SamplingPolicy(
            floor: Float(section.number("floor", in: 0...1) ?? Double(standard.floor)),
            slope: Float(section.number("slope", in: 0...1) ?? Double(standard.slope)),
            bytesPerDay: section.integer("bytes_per_day", in: 0...(1 << 40)) ?? standard.bytesPerDay,
            burstBytes: section.integer("burst_bytes", in: 0...(1 << 30)) ?? standard.burstBytes)
    }

    private static func quota(_ section: YAMLSection) -> Quota? {
        defer { section.finish() }
        guard let selector = section.selector("selector", required: true),
            let count = section.integer("count", in: 1...1_000_000, required: true)
        else { return nil }
        return Quota(selector: selector, count: count)
    }

    private static func wave(_ section: YAMLSection) -> WaveShare? {
        defer { section.finish() }
        guard let name = section.string("name", required: true),
            let share = section.number("share", in: 0...1, required: true)
        else { return nil }
        return WaveShare(name: name, share: share)
    }

    private static func expectations(_ section: YAMLSection) -> Expectations {
        defer { section.finish() }
        return Expectations(
            drifted: section.selector("drifted"), steady: section.selector("steady"),
            judgedDrifted: section.selector("judged_drifted"), judgedSteady: section.selector("judged_steady"),
            driftedBefore: section.number("drifted_before_below", in: 0...1),
            driftedAfter: section.number("drifted_after_at_least", in: 0...1),
            steadyFall: section.number("steady_falls_at_most", in: 0...1))
    }
}

extension YAMLSection {
    /// A device selector.
    func selector(_ key: String, required: Bool = false) -> Selector? {
        guard let text = string(key, required: required) else { return nil }
        do {
            return try Selector(text)
        } catch {
            complain(key, "\(error)")
            return nil
        }
    }

    /// A model's name.
    func name(_ key: String, required: Bool = false) -> ModelName? {
        guard let text = string(key, required: required) else { return nil }
        do {
            return try ModelName(text)
        } catch {
            complain(key, "\(error)")
            return nil
        }
    }
}
