import FleetController
import FleetModel
import FleetStore
import Hummingbird

/// One rollout, live: waves, gates, every device.
enum RolloutPage {
    struct View {
        var state: StatusView
        var stateName: String
        var hold: Hold?
        var actions: [Action]
        var stats: [StatView]
        var waves: [WaveView]
        var groups: [Group]
        var hasProblems: Bool
        var problems: [Problem]
        var facts: [FactView]
    }

    struct Action {
        var path: String
        var name: String
        var style: String?
        var question: String?
    }

    struct WaveView {
        var number: Int
        var name: String
        var tone: String
        var isNow: Bool
        var isDone: Bool
        var progress: String
        var bar: String
        var gate: String
    }

    struct Group {
        var name: String
        var devices: [Dot]
    }

    struct Dot {
        var id: String
        var tone: String
        var icon: String
        var title: String
    }

    struct Problem {
        var id: String
        var state: StatusView
        var reason: String
        var ended: TimeView?
    }

    /// Why it does not go on.
    struct Hold {
        var title: String
        var reason: String
    }

    private static func hold(_ overview: RolloutOverview) -> Hold? {
        switch overview.rollout.state {
        case .paused: Hold(title: "Paused.", reason: overview.reason ?? "Paused by a person.")
        case .awaitingApproval: overview.waitsFor.map { Hold(title: "Waits for signatures.", reason: $0) }
        default: nil
        }
    }

    static func show(_ call: PageRequest) async throws -> Response {
        let id = try call.number("id", of: "rollout")
        guard let overview = try await call.queries.rollout(id) else { throw APIError.notFound("rollout", "\(id)") }
        let devices = try await call.queries.rolloutDevices(id)
        let rollout = overview.rollout
        let problems = devices.filter { [.failed, .timedOut, .rolledBack].contains($0.entry.state) }
        let view = View(
            state: RolloutText.state(rollout.state), stateName: rollout.state.rawValue,
            hold: hold(overview),
            actions: call.may(.operate) ? actions(rollout) : [], stats: stats(overview, call),
            waves: overview.waves.map { wave($0, rollout) }, groups: groups(overview, devices),
            hasProblems: !problems.isEmpty, problems: problems.map { problem($0, call) }, facts: facts(overview))
        return try await call.page(
            "rollout", title: "Rollout #\(id): \(rollout.release)",
            crumb: Frame.Link(path: "/rollouts", name: "Rollouts"),
            events: "/api/v1/rollouts/\(id)/events", view)
    }

    /// Pause, resume, abort, roll back or start.
    static func act(_ call: PageRequest) async throws -> Response {
        let id = try call.number("id", of: "rollout")
        let rollouts = call.controller.rollouts
        let reason = "by \(call.identity.name) in the console"
        switch call.path("action") {
        case "start": _ = try await rollouts.start(id, by: call.identity)
        case "pause": _ = try await rollouts.pause(id, reason: reason, by: call.identity)
        case "resume": _ = try await rollouts.resume(id, reason: reason, by: call.identity)
        case "abort": _ = try await rollouts.abort(id, reason: reason, by: call.identity)
        case "rollback": _ = try await rollouts.rollback(id, reason: reason, by: call.identity)
        case let other: throw APIError.notFound("action", other)
        }
        return call.redirect(to: "/rollouts/\(id)")
    }

    private static func actions(_ rollout: RolloutRecord) -> [Action] {
        let path = { (name: String) in "/rollouts/\(rollout.id ?? 0)/\(name)" }
        let abort = Action(
            path: path("abort"), name: "Abort", style: "danger",
            question: "Abort this rollout? Devices keep what they run; no further device is offered the release.")
        let rollback = Action(
            path: path("rollback"), name: "Roll back", style: "danger",
            question: "Roll back? Every device of this rollout returns to what it ran before.")
        switch rollout.state {
        case .draft, .scheduled: return [Action(path: path("start"), name: "Start", style: "primary"), abort]
        case .running: return [Action(path: path("pause"), name: "Pause"), abort]
        case .paused: return [Action(path: path("resume"), name: "Resume", style: "primary"), rollback, abort]
        case .completed: return [rollback]
        case .awaitingApproval, .aborting, .aborted, .rollingBack, .rolledBack: return []
        }
    }

    private static func stats(_ overview: RolloutOverview, _ call: PageRequest) -> [StatView] {
        let rollout = overview.rollout
        let end = rollout.endedAt ?? call.now
        let duration = rollout.startedAt.map { Format.interval(end.since($0)) } ?? "–"
        let share = overview.devices > 0 ? Double(overview.succeeded) / Double(overview.devices) : 0
        return [
            StatView(
                label: "Receipts", value: Format.count(overview.succeeded),
                unit: "of \(Format.count(overview.devices))",
                note: "\(Format.percent(share, 0)) of the devices"),
            StatView(
                label: "Failed", value: Format.count(overview.failed),
                unit: overview.failed == 1 ? "device" : "devices",
                note: "failed, rolled back or too late"),
            StatView(
                label: "Wave", value: "\(min(rollout.wave + 1, max(1, overview.waves.count)))",
                unit: "of \(overview.waves.count)",
                note: overview.waves.indices.contains(rollout.wave) ? overview.waves[rollout.wave].wave.name : ""),
            StatView(
                label: rollout.state.isFinal ? "Took" : "Running for", value: duration,
                note: rollout.startedAt.map { "since \(ISO8601.readable($0))" } ?? "not started"),
        ]
    }

    private static func wave(_ overview: WaveOverview, _ rollout: RolloutRecord) -> WaveView {
        let wave = overview.wave
        let isDone = wave.endedAt != nil || rollout.state == .completed
        let isNow = !isDone && wave.ordinal == rollout.wave && !rollout.state.isFinal && rollout.state != .draft
        let gate =
            "Gate: \(Format.percent(wave.minimumReceipts, 0)) receipts, at most \(Format.percent(wave.maximumFailures, 0)) failures"
            + (wave.soak > .seconds(0) ? ", then \(Format.interval(wave.soak)) of soaking" : "")
            + "; a device has \(Format.interval(wave.deadline))"
        return WaveView(
            number: wave.ordinal + 1, name: "\(wave.name), up to \(Format.percent(wave.cumulativeShare, 0))",
            tone: isDone ? "done" : isNow ? "now" : "", isNow: isNow, isDone: isDone,
            progress: RolloutText.progress(
                succeeded: overview.succeeded, failed: overview.failed, of: overview.devices),
            bar: RolloutText.bar(succeeded: overview.succeeded, failed: overview.failed, of: overview.devices),
            gate: gate)
    }

    private static func groups(_ overview: RolloutOverview, _ devices: [RolloutDeviceOverview]) -> [Group] {
        let byWave = Dictionary(grouping: devices, by: \.entry.wave)
        return byWave.sorted { $0.key < $1.key }.map { ordinal, devices in
            let name = overview.waves.first { $0.wave.ordinal == ordinal }?.wave.name ?? "wave \(ordinal + 1)"
            return Group(name: "\(name): \(Format.count(devices.count, "device"))", devices: devices.map(dot))
        }
    }

    private static func dot(_ device: RolloutDeviceOverview) -> Dot {
        let status = RolloutText.device(device.entry.state)
        var title = status.text
        if device.entry.state == .offered, let phase = device.phase {
            title = phase == .fetching ? "fetching \(Format.percent(device.progress, 0))" : phase.rawValue
        }
        if let failure = device.entry.failure { title += ": \(Format.words(failure.rawValue))" }
        return Dot(id: device.entry.device.text, tone: status.tone, icon: status.icon, title: title)
    }

    private static func problem(_ device: RolloutDeviceOverview, _ call: PageRequest) -> Problem {
        let entry = device.entry
        let reason = [entry.failure.map { Format.words($0.rawValue) }, entry.detail.isEmpty ? nil : entry.detail]
            .compactMap { $0 }
        return Problem(
            id: entry.device.text, state: RolloutText.device(entry.state),
            reason: reason.isEmpty ? "no receipt before the deadline" : reason.joined(separator: ": "),
            ended: entry.endedAt.map(call.time))
    }

    private static func facts(_ overview: RolloutOverview) -> [FactView] {
        let rollout = overview.rollout
        return [
            FactView(name: "Release", value: rollout.release.text, path: "/releases/\(rollout.release)"),
            FactView(name: "Versions", value: overview.versions.map(\.description).joined(separator: ", ")),
            FactView(name: "Devices", value: rollout.selector == .all ? "all" : rollout.selector.description),
            FactView(name: "Activates", value: DevicePage.activation(rollout.activation)),
            FactView(
                name: "Begun by",
                value: rollout.trainingRun.map { "\(rollout.createdBy), training run #\($0)" } ?? rollout.createdBy),
            FactView(name: "Made", value: ISO8601.readable(rollout.createdAt)),
        ]
    }
}
