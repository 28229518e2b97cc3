import FleetController
import FleetModel
import FleetStore
import Hummingbird

/// Who did what, when and why, on a chain of hashes.
enum AuditPage {
    /// Entries on a page.
    static let pageItems = 50

    struct View {
        var chain: StatusView
        var who: String
        var commandText: String
        var about: String
        var hasEntries: Bool
        var entries: [Entry]
        var empty: EmptyView?
        var shown: String
        var next: String?
    }

    struct Entry {
        var number: Int64
        var commandName: String
        var subject: String
        var identity: String
        var role: String
        var at: TimeView
        var reason: String?
        var details: [FactView]
        var hash: String
        var hashShort: String
    }

    static func show(_ call: PageRequest) async throws -> Response {
        let filter = AuditFilter(
            identity: call.query("who"), command: call.query("command"), subject: call.query("about"))
        let page = try await call.queries.audit(filter, before: Int64(call.query("before")), limit: pageItems)
        let broken = try await call.controller.audit.firstBroken()
        let fields = ["who", "command", "about"].map { "\($0)=\(URLText.encode(call.query($0)))" }.joined(
            separator: "&")
        let view = View(
            chain: broken.map { .bad("Chain broken at entry \($0)", icon: "warn") } ?? .ok("Hash chain intact"),
            who: filter.identity, commandText: filter.command, about: filter.subject, hasEntries: !page.items.isEmpty,
            entries: page.items.map { entry($0, call) },
            empty: page.items.isEmpty
                ? EmptyView(
                    icon: "audit", heading: "No entry matches", text: "Every command that changes something leaves one."
                )
                : nil,
            shown: Format.count(page.items.count, "entry", "entries"),
            next: page.next.map { "/audit?\(fields)&before=\($0)" })
        return try await call.page(
            "audit", title: "Audit", lede: "Every command, each entry's hash covering the one before it.", view)
    }

    private static func entry(_ record: AuditEntryRecord, _ call: PageRequest) -> Entry {
        Entry(
            number: record.number, commandName: record.command, subject: record.subject, identity: record.identity,
            role: record.role.rawValue, at: call.time(record.at), reason: record.reason.isEmpty ? nil : record.reason,
            details: MetricText.facts(record.detail).map {
                FactView(name: $0.name, value: $0.value.count > 80 ? "\($0.value.prefix(80))…" : $0.value)
            }, hash: record.hash.hex, hashShort: record.hash.short)
    }
}
