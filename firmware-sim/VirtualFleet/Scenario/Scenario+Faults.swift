import FleetModel
import FrameSource

/// Faults as a scenario's file writes them: `- power: {devices: line=A, at: 20s, off: 5s}`.
extension Scenario.Trouble {
    /// Reads one entry of `faults`.
    init?(_ section: YAMLSection, releases: [PlannedRollout]) {
        let kinds = Self.readers.filter { section.has($0.key) }
        guard kinds.count == 1, let (key, read) = kinds.first, let body = section.section(key) else {
            let known = Self.readers.map(\.key).joined(separator: ", ")
            section.complain(kinds.first?.key ?? "", "an entry has one key of: \(known)")
            return nil
        }
        defer { body.finish() }
        guard let time = body.duration("at", in: 0...Scenario.Limits.duration, required: true),
            let target = read(body, releases.map(\.name))
        else { return nil }
        if case .drawn(_, let until) = target, until < time { body.complain("until", "it is before 'at'") }
        self.init(time: time, target: target)
    }

    private typealias Read = @Sendable (YAMLSection, [String]) -> Target?

    private static let readers: [(key: String, read: Read)] = [
        ("power", { body, _ in device(body, off: true) { .power(device: $0, off: $1) } }),
        (
            "power_at_operation",
            { body, _ in operation(body) { .powerAtOperation(device: $0, operations: $1, off: $2) } }
        ),
        ("power_in_pull", { body, _ in operation(body) { .powerInPull(device: $0, operations: $1, off: $2) } }),
        ("kill", { body, _ in device(body, off: true) { .kill(device: $0, off: $1) } }),
        ("partition", { body, _ in device(body) { .partition(device: $0, duration: $1) } }),
        ("disk_full", { body, _ in device(body) { .diskFull(device: $0, duration: $1) } }),
        ("clock", clock),
        ("boot_in_1970", { body, _ in .devices(body.devices("devices")) { .bootIn1970(device: $0) } }),
        ("rot", { body, _ in .devices(body.devices("devices")) { .rot(device: $0) } }),
        ("replay", { body, _ in .devices(body.devices("devices")) { .replay(device: $0) } }),
        ("attack", attack),
        ("controller_power", { body, _ in everybody(body, "off") { .controllerPower(off: $0) } }),
        ("controller_partition", { body, _ in everybody(body, "for") { .controllerPartition(duration: $0) } }),
        ("broker", broker),
        ("retained_loss", retainedLoss),
        ("bad_chunk", { body, names in chunk(body, names) }),
        ("swap", { body, names in release(body, names).map { .everybody(.swap(release: $0)) } }),
        ("storm", { body, _ in everybody(body, "for") { .storm(duration: $0) } }),
        ("random", random),
    ]

    private static func device(
        _ body: YAMLSection, off: Bool = false, _ kind: @escaping @Sendable (Int, Int64) -> Fault.Kind
    ) -> Target? {
        let selector = body.devices("devices")
        guard let time = body.duration(off ? "off" : "for", in: 1...Scenario.Limits.duration, required: true) else {
            return nil
        }
        return .devices(selector) { kind($0, time) }
    }

    private static func operation(
        _ body: YAMLSection, _ kind: @escaping @Sendable (Int, Int, Int64) -> Fault.Kind
    ) -> Target? {
        let number = body.integer("operation", in: 1...1_000_000, required: true)
        return device(body, off: true) { kind($0, number ?? 1, $1) }
    }

    private static func everybody(
        _ body: YAMLSection, _ key: String, _ kind: (Int64) -> Fault.Kind
    ) -> Target? {
        body.duration(key, in: 1...Scenario.Limits.duration, required: true).map { .everybody(kind($0)) }
    }

    private static let clock: Read = { body, _ in
        let selector = body.devices("devices")
        guard let seconds = body.number("by_seconds", in: -1e9...1e9, required: true) else { return nil }
        return .devices(selector) { .clock(device: $0, by: Int64(seconds * 1000)) }
    }

    private static let attack: Read = { body, _ in
        let selector = body.devices("devices")
        guard let text = body.string("release", oneOf: Attack.allCases.map(\.rawValue), required: true),
            let number = Attack.allCases.firstIndex(where: { $0.rawValue == text })
        else { return nil }
        return .devices(selector) { .attack(device: $0, attack: number) }
    }

    private static let broker: Read = { body, _ in
        let persists = body.flag("persists") ?? true
        return everybody(body, "off") { .broker(off: $0, persists: persists) }
    }

    private static let retainedLoss: Read = { body, _ in
        body.integer("percent", in: 1...100, required: true).map { .everybody(.retainedLoss(percent: $0)) }
    }

    private static let random: Read = { body, _ in
        let count = body.integer("count", in: 1...Scenario.Limits.troubles, required: true)
        let until = body.duration("until", in: 0...Scenario.Limits.duration, required: true)
        guard let count, let until else { return nil }
        return .drawn(count: count, until: until)
    }

    /// The place of a rolled out release among the rollouts.
    private static func release(_ body: YAMLSection, _ names: [String]) -> Int? {
        guard let text = body.string("release", oneOf: names, required: true) else { return nil }
        return names.firstIndex(of: text)
    }

    private static func chunk(_ body: YAMLSection, _ names: [String]) -> Target? {
        let chunk = body.integer("chunk", in: 0...Fixture.chunks - 1, required: true)
        guard let release = release(body, names), let chunk else { return nil }
        return .everybody(.badChunk(release: release, chunk: chunk))
    }
}
