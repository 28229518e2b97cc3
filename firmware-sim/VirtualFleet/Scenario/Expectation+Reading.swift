import FleetModel
import FleetStore
import FrameSource

/// Assertions as a scenario's file writes them: `- converged: {release: next, within: 10m}`.
extension Expectation {
    /// Reads one entry of `expect`.
    init?(_ section: YAMLSection, releases: Set<ReleaseName>) {
        let kinds = Self.readers.filter { section.has($0.key) }
        guard kinds.count == 1, let (key, read) = kinds.first, let body = section.section(key) else {
            let known = Self.readers.map(\.key).joined(separator: ", ")
            section.complain(kinds.first?.key ?? "", "an entry has one key of: \(known)")
            return nil
        }
        defer { body.finish() }
        guard let claim = read(body, releases) else { return nil }
        self.init(claim, line: section.line)
    }

    private typealias Read = @Sendable (YAMLSection, Set<ReleaseName>) -> Claim?

    private static let readers: [(key: String, read: Read)] = [
        ("converged", converged), ("rolled_back", rolledBack), ("rollout", rollout), ("serves", serves),
        ("alerts", alerts),
        (
            "reports_stored",
            { body, _ in body.integer("at_least", in: 0...Int.max, required: true).map { .reportsStored(atLeast: $0) } }
        ),
        (
            "samples_stored",
            { body, _ in body.integer("at_least", in: 0...Int.max, required: true).map { .samplesStored(atLeast: $0) } }
        ),
        (
            "bytes_per_device",
            { body, _ in
                let devices = body.devices("devices")
                return body.bytes("at_most", in: 0...1 << 40, required: true).map {
                    .bytesPerDevice(atMost: $0, devices)
                }
            }
        ),
    ]

    private static let converged: Read = { body, releases in
        let release = body.releaseName("release", known: releases)
        let within = body.duration("within", in: 1...Scenario.Limits.duration, required: true)
        let devices = body.devices("devices")
        let share = body.number("share", in: 0...1) ?? 1
        guard let release, let within else { return nil }
        return .converged(release, within: within, devices, share: share)
    }

    private static let rolledBack: Read = { body, releases in
        let devices = body.devices("devices")
        let least = body.integer("at_least", in: 1...Scenario.Limits.devices) ?? 1
        return body.releaseName("release", known: releases).map { .rolledBack($0, devices, atLeast: least) }
    }

    private static let rollout: Read = { body, releases in
        let release = body.releaseName("release", known: releases)
        let state = body.string("state", oneOf: RolloutState.allCases.map(\.rawValue), required: true)
        guard let release, let state = state.flatMap(RolloutState.init(rawValue:)) else { return nil }
        return .rollout(release, state)
    }

    private static let serves: Read = { body, releases in
        let devices = body.devices("devices")
        return body.releaseName("release", known: releases).map { .serves($0, devices) }
    }

    private static let alerts: Read = { body, _ in
        let kind = body.string("kind", oneOf: AlertKind.allCases.map(\.rawValue), required: true)
        let devices = body.has("devices") ? body.devices("devices") : nil
        let least = body.integer("at_least", in: 0...Int.max)
        let most = body.integer("at_most", in: 0...Int.max)
        if least == nil, most == nil { body.complain("kind", "'at_least' or 'at_most' is missing") }
        if let least, let most, least > most { body.complain("at_most", "it is below 'at_least'") }
        guard let kind else { return nil }
        return .alerts(kind: kind, devices, atLeast: least ?? 0, atMost: most ?? .max)
    }
}
