import FleetController
import FleetStore
import Hummingbird

/// `/api/v1/alerts`.
enum AlertsAPI {
    static let endpoints = [
        Endpoint(
            method: .get, path: "/api/v1/alerts", tag: "alerts", summary: "Alerts, newest first", access: .read,
            parameters: [
                .query("state", .choice(AlertState.allCases.map(\.rawValue)), "Default all"),
                .query("kind", .choice(of: AlertKind.self)), .limit, .cursor,
            ], reply: .json(.list(of: .component(.alert))), handle: list),
        Endpoint(
            method: .get, path: "/api/v1/alerts/{id}", tag: "alerts", summary: "An alert", access: .read,
            parameters: [.path("id", .id)], reply: .json(.component(.alert)), handle: get),
        Endpoint(
            method: .post, path: "/api/v1/alerts/{id}/acknowledge", tag: "alerts",
            summary: "Says that a person has seen it", access: .operate, parameters: [.path("id", .id)],
            body: .json(.object([.optional("reason", .string(Schema.StringRule(maximumLength: 500)))])),
            reply: .json(.component(.alert)), handle: acknowledge),
    ]

    @Sendable private static func list(_ call: APIRequest) async throws -> Response {
        let page = try await call.store.queries.alerts(
            state: AlertState(rawValue: call.text("state")) ?? .all, kind: AlertKind(rawValue: call.text("kind")),
            before: call.numericCursor, limit: call.limit)
        return .json(JSONValue.list(page.items.map { JSONValue($0) }, next: page.next))
    }

    @Sendable private static func get(_ call: APIRequest) async throws -> Response {
        let id = Int64(call.integer("id") ?? 0)
        guard let alert = try await call.store.queries.alert(id) else { throw APIError.notFound("alert", "\(id)") }
        return .json(JSONValue(alert))
    }

    @Sendable private static func acknowledge(_ call: APIRequest) async throws -> Response {
        let alert = try await call.controller.alerts.acknowledge(
            Int64(call.integer("id") ?? 0), reason: call.json["reason"]?.text ?? "", by: call.identity)
        return .json(JSONValue(alert))
    }
}
