import FleetController
import FleetModel
import FleetStore
import Hummingbird

/// All rollouts, and the form that starts one.
enum RolloutsPage {
    /// Rollouts on a page.
    static let pageItems = 25

    struct View {
        var hasRollouts: Bool
        var rollouts: [Row]
        var noRollouts: EmptyView?
        var shown: String
        var next: String?
        var canStart: Bool
        var hasReleases: Bool
        var releases: [ChoiceView]
    }

    struct Row {
        var id: Int64
        var release: String
        var versions: String
        var state: StatusView
        var hold: String?
        var bar: String
        var progress: String
        var wave: String
        var selector: String
        var started: TimeView?
    }

    static func show(_ call: PageRequest) async throws -> Response {
        let page = try await call.queries.rollouts(before: Int64(call.query("before")), limit: pageItems)
        let releases = try await call.queries.releases(limit: 100)
            .filter { [.approved, .released].contains($0.release.stage) }
        let chosen = call.query("release")
        let view = View(
            hasRollouts: !page.items.isEmpty, rollouts: page.items.map { row($0, call) },
            noRollouts: page.items.isEmpty
                ? EmptyView(
                    icon: "rollouts", heading: "No rollout yet",
                    text:
                        "A rollout takes an approved release to devices in waves and stops by itself when a gate does not hold.",
                    command: "martlet rollout start RELEASE --waves 10,100") : nil,
            shown: Format.count(page.items.count, "rollout"), next: page.next.map { "/rollouts?before=\($0)" },
            canStart: call.may(.operate), hasReleases: !releases.isEmpty,
            releases: releases.map { overview in
                let name = overview.release.name.text
                let holds = overview.parts.map(\.version.description).joined(separator: ", ")
                return ChoiceView(value: name, name: "\(name) (\(holds))", isChosen: name == chosen)
            })
        return try await call.page("rollouts", title: "Rollouts", view)
    }

    static func create(_ call: PageRequest) async throws -> Response {
        let request = try RolloutForm.request(call)
        let rollout = try await call.controller.rollouts.create(request, by: call.identity)
        let id = rollout.id ?? 0
        _ = try await call.controller.rollouts.start(id, by: call.identity)
        return call.redirect(to: "/rollouts/\(id)")
    }

    private static func row(_ overview: RolloutOverview, _ call: PageRequest) -> Row {
        let rollout = overview.rollout
        return Row(
            id: rollout.id ?? 0, release: rollout.release.text,
            versions: overview.versions.map(\.description).joined(separator: ", "),
            state: RolloutText.state(rollout.state),
            hold: [.paused, .awaitingApproval].contains(rollout.state) ? overview.reason : nil,
            bar: RolloutText.bar(succeeded: overview.succeeded, failed: overview.failed, of: overview.devices),
            progress: RolloutText.progress(
                succeeded: overview.succeeded, failed: overview.failed, of: overview.devices),
            wave: "\(min(rollout.wave + 1, max(1, overview.waves.count))) of \(overview.waves.count)",
            selector: rollout.selector.description, started: rollout.startedAt.map(call.time))
    }
}

/// Reads the form of a new rollout.
enum RolloutForm {
    static func request(_ call: PageRequest) throws -> RolloutRequest {
        let text = call.form["selector"] ?? ""
        let selector: Selector
        let release: ReleaseName
        do {
            selector = try Selector(text)
            release = try ReleaseName(call.form["release"] ?? "")
        } catch {
            throw APIError.badRequest("invalid", "\(error)", hint: "Go back and correct it.")
        }
        let shares = try shares(call.form["shares"] ?? "")
        let gate = Gate(
            minimumReceipts: Double(try call.integer("receipts", 1...100)) / 100,
            maximumFailures: Double(try call.integer("failures", 0...100)) / 100,
            soak: .seconds(Int64(try call.integer("soak", 0...604_800))))
        let deadline = Interval.minutes(Int64(try call.integer("deadline", 1...43_200)))
        let waves = shares.enumerated().map { index, share in
            let name =
                shares.count > 1 && index == 0 ? "canary" : index == shares.count - 1 ? "all" : "wave \(index + 1)"
            return Wave(name: name, cumulativeShare: share, gate: gate, deadline: deadline)
        }
        return RolloutRequest(release: release, selector: selector, waves: waves)
    }

    /// Rising shares that end with the whole.
    static func shares(_ text: String) throws -> [Double] {
        let parts = text.split { $0 == "," || $0 == " " }
        let shares = parts.compactMap { Double($0) }.map { $0 / 100 }
        let isRising = zip(shares, shares.dropFirst()).allSatisfy { $0 < $1 }
        guard shares.count == parts.count, let first = shares.first, first > 0, shares.last == 1, isRising else {
            throw APIError.badRequest(
                "invalid", "'\(text)' are not the shares of waves.",
                hint: "Write rising per cents that end with 100: 10, 50, 100.")
        }
        return shares
    }
}

/// A rollout's state in words and bars.
enum RolloutText {
    static func state(_ state: RolloutState) -> StatusView {
        switch state {
        case .draft: .plain("Draft")
        case .awaitingApproval: .warn("Awaits approval", icon: "key")
        case .scheduled: .plain("Scheduled", icon: "clock")
        case .running: .busy("Running")
        case .paused: .warn("Paused", icon: "pause")
        case .completed: .ok("Completed")
        case .aborting: .busy("Aborting")
        case .aborted: .bad("Aborted")
        case .rollingBack: .busy("Rolling back")
        case .rolledBack: .warn("Rolled back", icon: "back")
        }
    }

    static func bar(succeeded: Int, failed: Int, of devices: Int) -> String {
        let whole = Double(max(1, devices))
        return Bar.svg(
            [
                Bar.Part(share: Double(succeeded) / whole, style: "done"),
                Bar.Part(share: Double(failed) / whole, style: "bad"),
            ], label: progress(succeeded: succeeded, failed: failed, of: devices))
    }

    static func progress(succeeded: Int, failed: Int, of devices: Int) -> String {
        let text = "\(Format.count(succeeded)) of \(Format.count(devices, "device"))"
        return failed > 0 ? "\(text), \(Format.count(failed)) failed" : text
    }

    static func device(_ state: RolloutDeviceState) -> StatusView {
        switch state {
        case .pending: .plain("Pending", icon: "clock")
        case .offered: .busy("Installing")
        case .succeeded: .ok("Receipt")
        case .failed: .bad("Failed")
        case .timedOut: .bad("Timed out", icon: "clock")
        case .rolledBack: .warn("Rolled back", icon: "back")
        }
    }
}
