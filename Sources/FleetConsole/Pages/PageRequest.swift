import FleetController
import FleetModel
import FleetStore
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// A page: a path of the console for people, behind the same door as the API.
struct Page: Sendable {
    var method: HTTPRequest.Method
    var path: String
    var access: Access
    var handle: @Sendable (PageRequest) async throws -> Response

    static func get(
        _ path: String, _ access: Access = .read, _ handle: @escaping @Sendable (PageRequest) async throws -> Response
    ) -> Page {
        Page(method: .get, path: path, access: access, handle: handle)
    }

    static func post(
        _ path: String, _ access: Access, _ handle: @escaping @Sendable (PageRequest) async throws -> Response
    ) -> Page {
        Page(method: .post, path: path, access: access, handle: handle)
    }
}

/// A request for a page by somebody who is logged in.
struct PageRequest: Sendable {
    let request: Request
    let context: ConsoleContext
    let core: ConsoleCore
    let caller: Caller
    /// Fields of the form, for POST.
    let form: [String: String]
    let now: Instant

    var controller: FleetController { core.controller }
    var queries: FleetQueries { core.controller.store.queries }
    var identity: Identity { caller.identity }

    /// A query parameter; empty if it is missing.
    func query(_ name: String) -> String {
        request.uri.queryParameters[Substring(name)].map { String($0).replacing("+", with: " ") } ?? ""
    }

    /// A part of the path.
    func path(_ name: String) -> String { context.parameters.get(name)?.removingPercentEncoding ?? "" }

    /// A part of the path as a checked name; anything else is a page that does not exist.
    func name<Name: CheckedName>(_ parameter: String, of what: String, as type: Name.Type = Name.self) throws -> Name {
        guard let name = try? Name(path(parameter)) else { throw APIError.notFound(what, path(parameter)) }
        return name
    }

    /// A part of the path as a row number.
    func number(_ parameter: String, of what: String) throws -> Int64 {
        guard let number = Int64(path(parameter)) else { throw APIError.notFound(what, path(parameter)) }
        return number
    }

    /// A field of the form that must be a whole number within a range.
    func integer(_ field: String, _ range: ClosedRange<Int>) throws -> Int {
        guard let number = Int(form[field] ?? ""), range.contains(number) else {
            throw APIError.badRequest(
                "invalid", "'\(field)' must be a whole number between \(range.lowerBound) and \(range.upperBound).",
                hint: "Go back and correct it.")
        }
        return number
    }

    /// Whether this person may do such a thing: decides what buttons there are.
    func may(_ access: Access) -> Bool { access.allows(identity.role) }

    func time(_ instant: Instant) -> TimeView { TimeView(instant, now: now) }

    /// Back to a page after a command, so that reloading it does not repeat the command.
    func redirect(to path: String) -> Response {
        Response(status: .seeOther, headers: [.location: path])
    }

    /// A page inside the console's frame.
    func page(
        _ template: String, title: String, lede: String? = nil, crumb: Frame.Link? = nil, notice: NoticeView? = nil,
        events: String = "/api/v1/events", _ view: Any
    ) async throws -> Response {
        let frame = Frame(
            title: title, lede: lede, crumb: crumb, identity: identity.name, role: identity.role.rawValue,
            initial: String(identity.name.prefix(1)), theme: Self.theme(of: request),
            formToken: caller.session?.formToken ?? "", assets: core.pages.assetVersion, events: events,
            navigation: try await navigation(), notice: notice)
        return core.pages.page(template, frame, view)
    }

    private func navigation() async throws -> [Frame.Item] {
        let alerts = try await queries.openAlerts().values.reduce(0, +)
        let current = request.uri.path
        return Self.items.map { path, name, icon in
            let isCurrent =
                path == "/"
                ? ["/devices", "/claims"].contains { current.hasPrefix($0) } || current == "/" : current.hasPrefix(path)
            return Frame.Item(
                path: path, name: name, icon: icon,
                isCurrent: isCurrent || (path == "/models" && current.hasPrefix("/releases")),
                badge: path == "/alerts" && alerts > 0 ? Format.count(alerts) : nil, badgeTitle: "open alerts")
        }
    }

    private static let items = [
        ("/", "Fleet", "fleet"), ("/models", "Models", "models"), ("/rollouts", "Rollouts", "rollouts"),
        ("/monitoring", "Monitoring", "monitoring"), ("/annotate", "Annotate", "annotate"),
        ("/alerts", "Alerts", "alerts"), ("/audit", "Audit", "audit"), ("/settings", "Settings", "settings"),
    ]

    /// The theme that the person chose, from its cookie.
    static func theme(of request: Request) -> String? {
        guard let theme = request.cookies["martlet_theme"]?.value, ["dark", "light"].contains(theme) else { return nil }
        return theme
    }
}
