import FleetController
import FleetModel
import FleetStore
import Foundation
import Hummingbird

/// The start page: how the fleet is, device by device.
enum FleetPage {
    /// Devices on a page.
    static let pageItems = 50

    struct View {
        var stats: [StatView]
        var search: String
        var selector: String
        var states: [ChoiceView]
        var devices: [Row]
        var hasDevices: Bool
        var empty: EmptyView?
        var shown: String
        var next: String?
        var canClaim: Bool
    }

    struct Row {
        var id: String
        var tags: String
        var health: StatusView
        var runs: String
        var installing: StatusView?
        var drift: StatusView?
        var inferences: String
        var seen: TimeView?
    }

    /// Health words by which the list can be narrowed.
    enum Health: String, CaseIterable {
        case all, online, offline, drifting, failed, revoked

        func matches(_ overview: DeviceOverview) -> Bool {
            switch self {
            case .all: true
            case .online: overview.device.online
            case .offline: !overview.device.online && overview.device.revokedAt == nil
            case .drifting: overview.isDrifting
            case .failed: overview.slots.contains { $0.phase == .failed || $0.phase == .rolledBack }
            case .revoked: overview.device.revokedAt != nil
            }
        }
    }

    static func show(_ call: PageRequest) async throws -> Response {
        let selectorText = call.query("selector")
        guard let selector = try? Selector(selectorText) else {
            throw APIError.badRequest(
                "invalid", "'\(selectorText)' is not a selector.", hint: "Write tags such as side=L,subject!=8.")
        }
        let health = Health(rawValue: call.query("state")) ?? .all
        let labels = try await call.queries.releaseLabels()
        let everything = try await call.queries.devices(
            selector: selector, search: call.query("q"), limit: ControllerLimits.devices, now: call.now
        ).items
        let matching = everything.filter(health.matches)
        let after = call.query("after")
        let rest = matching.drop { !after.isEmpty && $0.device.id.text <= after }
        let shown = rest.prefix(pageItems)
        let view = View(
            stats: try await stats(everything, labels, call), search: call.query("q"), selector: selectorText,
            states: Health.allCases.map {
                ChoiceView(value: $0.rawValue, name: $0 == .all ? "Any health" : $0.rawValue, isChosen: $0 == health)
            },
            devices: shown.map { row($0, labels, call) }, hasDevices: !shown.isEmpty,
            empty: shown.isEmpty ? empty(isFiltered: !everything.isEmpty || !call.query("q").isEmpty) : nil,
            shown: Format.count(matching.count, "device"),
            next: rest.count > shown.count ? nextPage(call, after: shown.last) : nil, canClaim: call.may(.operate))
        return try await call.page("fleet", title: "Fleet", view)
    }

    private static func nextPage(_ call: PageRequest, after last: DeviceOverview?) -> String {
        let fields = ["q", "selector", "state"].map { "\($0)=\(URLText.encode(call.query($0)))" }
        return "/?" + fields.joined(separator: "&") + "&after=\(last?.device.id.text ?? "")"
    }

    private static func empty(isFiltered: Bool) -> EmptyView {
        isFiltered
            ? EmptyView(icon: "fleet", heading: "No device matches", text: "Try another text or selector.")
            : EmptyView(
                icon: "fleet", heading: "No devices yet",
                text:
                    "Make a claim for the first one: it makes its keys, and gets a certificate and the root key to pin.",
                command: "martlet device claim DEVICE --tag side=R")
    }

    private static func stats(
        _ devices: [DeviceOverview], _ labels: [Digest: ReleaseLabel], _ call: PageRequest
    ) async throws -> [StatView] {
        let online = devices.count { $0.device.online }
        let drifting = devices.count(where: \.isDrifting)
        let alerts = try await call.queries.openAlerts().values.reduce(0, +)
        let samples = try await call.queries.sampleCounts()
        let running = try await call.queries.runningVersions().sorted { $0.value > $1.value }
        let rest = running.dropFirst().map { "\($0.key) on \($0.value)" }.joined(separator: ", ")
        return [
            StatView(
                label: "Online", value: Format.count(online), unit: "of \(Format.count(devices.count))",
                note: devices.isEmpty ? "" : Format.percent(Double(online) / Double(devices.count), 0) + " of the fleet"
            ),
            StatView(
                label: "Most devices run", value: running.first?.key.description ?? "–",
                note: running.first.map { "\(Format.count($0.value, "device"))\(rest.isEmpty ? "" : "; \(rest)")" }
                    ?? "nothing released yet"),
            StatView(
                label: "Drifting", value: Format.count(drifting), unit: drifting == 1 ? "device" : "devices",
                note: drifting == 0 ? "inputs look like the training data" : "inputs left the baseline"),
            StatView(
                label: "Open alerts", value: Format.count(alerts),
                note: alerts == 0 ? "nothing needs you" : "need a look"),
            StatView(
                label: "To annotate", value: Format.count(samples.open), unit: samples.open == 1 ? "sample" : "samples",
                note: "\(Format.count(samples.annotated)) done"),
        ]
    }

    private static func row(
        _ overview: DeviceOverview, _ labels: [Digest: ReleaseLabel], _ call: PageRequest
    ) -> Row {
        let runs = overview.slots.compactMap { $0.champion.flatMap { labels[$0]?.version.description } }
        return Row(
            id: overview.device.id.text, tags: DeviceText.tags(overview.tags), health: DeviceText.health(overview),
            runs: runs.isEmpty ? "–" : runs.joined(separator: ", "),
            installing: overview.slots.compactMap(DeviceText.installing).first, drift: DeviceText.drift(overview.drift),
            inferences: Format.count(overview.recentInferences), seen: overview.device.lastSeen.map(call.time))
    }
}

extension DeviceOverview {
    /// Whether the newest verdict says drift.
    var isDrifting: Bool { (drift?.ratio ?? 0) > 1 }
}

/// A device's state in words.
enum DeviceText {
    static func tags(_ tags: [String: String]) -> String {
        tags.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "  ")
    }

    static func health(_ overview: DeviceOverview) -> StatusView {
        if overview.device.revokedAt != nil { return .bad("Revoked", icon: "off") }
        if overview.slots.contains(where: { $0.phase == .failed }) { return .bad("Install failed") }
        return overview.device.online ? .ok("Online") : .warn("Offline", icon: "off")
    }

    /// Where an installation stands, while there is one.
    static func installing(_ slot: DeviceSlotRecord) -> StatusView? {
        switch slot.phase {
        case .idle, .committed: nil
        case .failed: .bad(slot.failure.map { Format.words($0.rawValue) } ?? "Failed")
        case .rolledBack: .warn("Rolled back", icon: "back")
        case .fetching: .busy("Fetching \(Format.percent(slot.progress, 0))")
        case .verifying, .staged, .proving, .waiting, .probation: .busy(slot.phase.rawValue.capitalized)
        }
    }

    static func drift(_ point: DriftPointRecord?) -> StatusView? {
        guard let point else { return nil }
        let text = "\(point.feature) \(Format.decimal(point.ratio, 2))×"
        return point.ratio > 1 ? .warn(text) : .ok(text)
    }
}

/// Text in addresses.
enum URLText {
    /// Percent-encodes everything but unreserved characters (RFC 3986, 2.3).
    static func encode(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default: encoded += "%" + Hexadecimal.text([byte]).uppercased()
            }
        }
        return encoded
    }
}
