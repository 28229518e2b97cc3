import FleetController
import FleetModel
import FleetStore
import Hummingbird

/// What happened, why, and what to do about it.
enum AlertsPage {
    /// Alerts on a page.
    static let pageItems = 50

    struct View {
        var states: [ChoiceView]
        var kinds: [ChoiceView]
        var alerts: [Alert]
        var empty: EmptyView?
        var shown: String
        var next: String?
    }

    struct Alert {
        var id: Int64
        var tone: String
        var icon: String
        var title: String
        var reason: String
        var action: String
        var kind: String
        var severity: String
        var opened: TimeView
        var repeats: String?
        var closed: TimeView?
        var acknowledged: String?
        var canAcknowledge: Bool
    }

    static func show(_ call: PageRequest) async throws -> Response {
        let state = AlertState(rawValue: call.query("state")) ?? .open
        let kind = AlertKind(rawValue: call.query("kind"))
        let page = try await call.queries.alerts(
            state: state, kind: kind, before: Int64(call.query("before")), limit: pageItems)
        let names = [AlertState.open: "Open", .closed: "Closed", .all: "Open and closed"]
        let view = View(
            states: AlertState.allCases.map {
                ChoiceView(value: $0.rawValue, name: names[$0] ?? $0.rawValue, isChosen: $0 == state)
            },
            kinds: [ChoiceView(value: "", name: "All kinds", isChosen: kind == nil)]
                + AlertKind.allCases.map { ChoiceView(value: $0.rawValue, name: $0.rawValue, isChosen: $0 == kind) },
            alerts: page.items.map { alert($0, call) },
            empty: page.items.isEmpty
                ? EmptyView(
                    icon: "check", heading: state == .open ? "Nothing needs you" : "No such alert",
                    text: "Drift, accuracy below its promise, paused rollouts and failed training appear here.") : nil,
            shown: Format.count(page.items.count, "alert"),
            next: page.next.map { "/alerts?state=\(state.rawValue)&kind=\(kind?.rawValue ?? "")&before=\($0)" })
        return try await call.page(
            "alerts", title: "Alerts", lede: "What happened, why, and what to do about it.", view)
    }

    static func acknowledge(_ call: PageRequest) async throws -> Response {
        let id = try call.number("id", of: "alert")
        _ = try await call.controller.alerts.acknowledge(id, by: call.identity)
        return call.redirect(to: "/alerts")
    }

    private static func alert(_ record: AlertRecord, _ call: PageRequest) -> Alert {
        let isOpen = record.closedAt == nil
        let tone =
            switch record.severity {
            case .info: "info"
            case .warning: ""
            case .critical: "bad"
            }
        return Alert(
            id: record.id ?? 0, tone: isOpen ? tone : "ok",
            icon: isOpen ? (record.severity == .info ? "info" : "warn") : "check", title: record.title,
            reason: record.reason, action: record.action, kind: record.kind.rawValue,
            severity: record.severity.rawValue,
            opened: call.time(record.openedAt),
            repeats: record.occurrences > 1 ? "seen \(Format.count(record.occurrences)) times" : nil,
            closed: record.closedAt.map(call.time),
            acknowledged: record.acknowledgedBy.map { "seen by \($0)" },
            canAcknowledge: isOpen && record.acknowledgedAt == nil && call.may(.operate))
    }
}
