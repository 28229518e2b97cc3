import FleetController
import FleetStore
import Hummingbird

/// `/api/v1/webhooks`: where alerts go.
enum WebhooksAPI {
    static let endpoints = [
        Endpoint(
            method: .get, path: "/api/v1/webhooks", tag: "alerts", summary: "Webhooks", access: .administer,
            reply: .json(.list(of: .component(.webhook))), handle: list),
        Endpoint(
            method: .post, path: "/api/v1/webhooks", tag: "alerts", summary: "Adds a webhook", access: .administer,
            body: .json(
                .object([
                    .required("url", .string(Schema.StringRule(format: "uri", minimumLength: 1, maximumLength: 2000))),
                    .optional("secret", .text, "Key of the HMAC-SHA256 that signs each body"),
                    .optional("kinds", .array(of: .choice(of: AlertKind.self), limit: 64), "Default all"),
                ])), reply: .json(.component(.webhook), .created), handle: create),
        Endpoint(
            method: .delete, path: "/api/v1/webhooks/{id}", tag: "alerts", summary: "Removes a webhook",
            access: .administer, parameters: [.path("id", .id)], reply: .empty, handle: delete),
    ]

    @Sendable private static func list(_ call: APIRequest) async throws -> Response {
        .json(JSONValue.list(try await call.store.queries.webhooks().map { JSONValue($0) }))
    }

    @Sendable private static func create(_ call: APIRequest) async throws -> Response {
        let kinds = (call.json["kinds"]?.elements ?? []).compactMap { $0.text.flatMap(AlertKind.init(rawValue:)) }
        let record = try await call.controller.webhooks.create(
            url: call.json["url"]?.text ?? "", secret: call.json["secret"]?.text, kinds: kinds, by: call.identity)
        return .json(JSONValue(record), status: .created)
    }

    @Sendable private static func delete(_ call: APIRequest) async throws -> Response {
        try await call.controller.webhooks.delete(Int64(call.integer("id") ?? 0), by: call.identity)
        return .empty()
    }
}
