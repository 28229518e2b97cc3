import FleetModel
import Foundation
import FrameSource

/// Reading scenarios: every key is checked, and all mistakes are told at once, with their lines.
extension Scenario {
    /// Reads a scenario's file; paths in it are relative to its folder.
    ///
    /// - Throws: `ConfigurationError` with every mistake.
    public init(file path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ConfigurationError(
                file: path, problems: [ConfigurationProblem(line: 0, key: "", message: "cannot be read")])
        }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        try self.init(yaml: String(decoding: data, as: UTF8.self), file: path, folder: folder)
    }

    /// Reads a scenario's text.
    ///
    /// - Parameters:
    ///   - file: what mistakes call it.
    ///   - folder: what paths in it are relative to.
    public init(yaml text: String, file: String = "scenario", folder: String = ".") throws {
        let problems = ProblemList()
        let read = YAMLSection.root(text: text, problems: problems).flatMap { Scenario(root: $0, folder: folder) }
        guard let read, problems.problems.isEmpty else {
            throw ConfigurationError(file: file, problems: problems.problems)
        }
        self = read
    }

    private init?(root: YAMLSection, folder: String) {
        defer { root.finish() }
        let name = root.string("name", required: true)
        let duration = root.duration("duration", in: 10_000...Limits.duration, required: true)
        let groups = root.list("fleet", limit: Limits.groups, required: true, Self.group) ?? []
        let releases = root.list("releases", limit: Limits.releases, required: true) {
            Self.release($0, folder: folder)
        }
        let known = Set((releases ?? []).map(\.name))
        let rollouts = root.list("rollouts", limit: Limits.rollouts, required: true) { Self.rollout($0, known) }
        let expectations = root.list("expect", limit: Limits.expectations, required: true) {
            Expectation($0, releases: known)
        }
        let troubles = root.list("faults", limit: Limits.troubles) { Trouble($0, releases: rollouts ?? []) } ?? []
        let seed = root.integer("seed", in: 0...Int.max)
        let settle = root.duration("settle", in: 1000...Limits.duration)
        let pause = root.duration("frame_every", in: 100...3_600_000)
        let sensor = root.section("sensor").map(Sensor.init(section:))
        let network = root.section("network").map(Weather.init(section:))
        let reports = root.duration("report_every", in: 1000...86_400_000)
        if expectations?.isEmpty == true { root.complain("expect", "nothing is expected: write an assertion") }
        guard let name, let duration, let releases, let rollouts, let expectations else { return nil }
        self.init(
            name: name, duration: duration, groups: groups, releases: releases, rollouts: rollouts,
            expectations: expectations)
        self.troubles = troubles
        self.seed = seed.map(UInt64.init) ?? self.seed
        self.settle = settle ?? self.settle
        framePause = pause ?? framePause
        self.sensor = sensor ?? self.sensor
        self.network = network ?? self.network
        if let reports { policy.reportInterval = Interval(milliseconds: reports) }
        Self.check(groups, releases, duration, rollouts, troubles, root)
    }

    private static func check(
        _ groups: [Group], _ releases: [Release], _ duration: Int64, _ rollouts: [PlannedRollout],
        _ troubles: [Trouble], _ root: YAMLSection
    ) {
        let count = groups.reduce(0) { $0 + $1.count }
        if count > Limits.devices { root.complain("fleet", "\(count) devices, at most \(Limits.devices)") }
        if Set(groups.map(\.name)).count < groups.count { root.complain("fleet", "two groups have the same name") }
        if Set(releases.map(\.name)).count < releases.count {
            root.complain("releases", "two releases have the same name")
        }
        if rollouts.contains(where: { $0.time >= duration }) {
            root.complain("rollouts", "a rollout begins after the duration of \(TimeText.text(duration))")
        }
        if troubles.contains(where: { $0.time >= duration }) {
            root.complain("faults", "a fault comes after the duration of \(TimeText.text(duration))")
        }
    }

    // MARK: Parts

    private static func group(_ section: YAMLSection) -> Group? {
        guard let name = section.string("group", required: true),
            let count = section.integer("count", in: 1...Limits.devices, required: true)
        else { return nil }
        if (try? DeviceID("\(name)-\(count)")) == nil {
            section.complain("group", "'\(name)' is no name: letters, digits, '-' and '_'")
        }
        var group = Group(name: name, count: count)
        if let tags = section.section("tags") {
            group.tags = tags.scalars()
            if group.tags.count > Limits.tags { section.complain("tags", "at most \(Limits.tags)") }
        }
        group.sensor = section.section("sensor").map(Sensor.init(section:))
        group.network = section.section("network").map(Weather.init(section:))
        group.diskBytes = section.bytes("disk", in: 1 << 16...1 << 30) ?? group.diskBytes
        return group
    }

    private static func release(_ section: YAMLSection, folder: String) -> Release? {
        let name = section.releaseName("name", known: nil)
        let builtIn = section.string("builtin", oneOf: ["sound", "broken"])
        let model = section.string("model")
        guard (builtIn == nil) != (model == nil) else {
            section.complain("name", "a release has either 'model' (an ONNX file) or 'builtin' (sound or broken)")
            return nil
        }
        guard let name else { return nil }
        if let model {
            let path = model.hasPrefix("/") ? model : "\(folder)/\(model)"
            guard FileManager.default.isReadableFile(atPath: path) else {
                section.complain("model", "\(path) cannot be read")
                return nil
            }
            return Release(name: name, source: .onnx(path: path))
        }
        return Release(name: name, source: .builtIn(isSound: builtIn == "sound"))
    }

    private static func rollout(_ section: YAMLSection, _ known: Set<ReleaseName>) -> PlannedRollout? {
        let name = section.releaseName("release", known: known)
        let time = section.duration("at", in: 0...Limits.duration, required: true)
        let selector = section.devices("devices")
        let waves = section.list("waves", limit: 16, Self.wave)
        guard let name, let time else { return nil }
        var rollout = PlannedRollout(name: name.text, time: time)
        rollout.selector = selector
        if let waves { rollout.waves = waves }
        if rollout.waves.isEmpty { section.complain("waves", "must hold one at least") }
        return rollout
    }

    private static func wave(_ section: YAMLSection) -> Wave? {
        guard let share = section.number("share", in: 0...1, required: true) else { return nil }
        let gate = Gate(
            minimumReceipts: section.number("minimum_receipts", in: 0...1) ?? 0.9,
            maximumFailures: section.number("maximum_failures", in: 0...1) ?? 0.1,
            soak: Interval(milliseconds: section.duration("soak", in: 0...Limits.duration) ?? 2000))
        return Wave(
            name: section.string("name") ?? "\(Int(share * 100)) %", cumulativeShare: share, gate: gate,
            deadline: Interval(milliseconds: section.duration("deadline", in: 1000...Limits.duration) ?? 1_800_000))
    }
}

extension Sensor {
    init(section: YAMLSection) {
        self.init()
        mean = section.number("mean", in: -1e6...1e6) ?? mean
        spread = section.number("spread", in: 0...1e6) ?? spread
        if let drift = section.section("drift") {
            let time = drift.duration("at", in: 0...Scenario.Limits.duration, required: true)
            let over = drift.duration("over", in: 0...Scenario.Limits.duration) ?? 0
            let shift = drift.number("by", in: -1e6...1e6, required: true)
            if let time, let shift { self.drift = Drift(time: time, duration: over, shift: shift) }
            drift.finish()
        }
        section.finish()
    }
}

extension Weather {
    init(section: YAMLSection) {
        self.init()
        let most = section.duration("delay", in: 1...600_000)
        if let most { delay = min(delay.lowerBound, most)...most }
        loss = section.number("loss", in: 0...0.9) ?? loss
        duplication = section.number("duplication", in: 0...0.9) ?? duplication
        section.finish()
    }
}

/// Values that scenarios are made of.
extension YAMLSection {
    /// A list of mappings, each read by `read` and then checked for keys that nothing knows.
    func list<Element>(
        _ key: String, limit: Int, required: Bool = false, _ read: (YAMLSection) -> Element?
    ) -> [Element]? {
        guard let sections = sections(key, required: required) else { return nil }
        if sections.count > limit { complain(key, "\(sections.count) entries, at most \(limit)") }
        return sections.prefix(limit).compactMap { section in
            defer { section.finish() }
            return read(section)
        }
    }

    func duration(_ key: String, in range: ClosedRange<Int64>, required: Bool = false) -> Int64? {
        guard let text = string(key, required: required) else { return nil }
        guard let value = TimeText.milliseconds(text), range.contains(value) else {
            complain(
                key,
                "'\(text)': write a time such as 250ms, 30s, 10m or 2h, \(TimeText.text(range.lowerBound)) to "
                    + TimeText.text(range.upperBound))
            return nil
        }
        return value
    }

    func bytes(_ key: String, in range: ClosedRange<Int>, required: Bool = false) -> Int? {
        guard let text = string(key, required: required) else { return nil }
        guard let value = ByteCount(text)?.bytes, range.contains(value) else {
            complain(key, "'\(text)': write bytes, 200KiB or 10MiB, \(range.lowerBound) to \(range.upperBound) bytes")
            return nil
        }
        return value
    }

    /// A selector; everybody without the key.
    func devices(_ key: String) -> Selector {
        guard let text = string(key) else { return .all }
        do { return try Selector(text) } catch {
            complain(key, "\(error)")
            return .all
        }
    }

    /// A release's name, one of those that are known.
    func releaseName(_ key: String, known: Set<ReleaseName>?) -> ReleaseName? {
        guard let text = string(key, required: true) else { return nil }
        guard let name = try? ReleaseName(text) else {
            complain(key, "'\(text)' is no name of a release")
            return nil
        }
        if let known, !known.contains(name) {
            complain(
                key, "there is no release '\(text)'; there is \(known.map(\.text).sorted().joined(separator: ", "))")
            return nil
        }
        return name
    }
}
