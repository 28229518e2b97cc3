import FleetController
import FleetModel
import FleetStore
import Hummingbird

/// `/api/v1/tokens`.
enum TokensAPI {
    static let endpoints = [
        Endpoint(
            method: .get, path: "/api/v1/tokens", tag: "tokens", summary: "Tokens, without their texts",
            access: .administer, reply: .json(.list(of: .component(.token))), handle: list),
        Endpoint(
            method: .post, path: "/api/v1/tokens", tag: "tokens", summary: "Makes a token; its text is shown once",
            access: .administer,
            body: .json(
                .object([
                    .required("identity", .string(Schema.StringRule(minimumLength: 1, maximumLength: 64))),
                    .required("role", .choice(of: Role.self)), .optional("note", .text),
                    .optional("expiresDays", .integer(minimum: 1, maximum: 3650), "Default never"),
                ])), reply: .json(.component(.token), .created), handle: create),
        Endpoint(
            method: .delete, path: "/api/v1/tokens/{id}", tag: "tokens", summary: "Revokes a token",
            access: .administer, parameters: [.path("id", .id)], reply: .empty, handle: revoke),
    ]

    @Sendable private static func list(_ call: APIRequest) async throws -> Response {
        .json(JSONValue.list(try await call.store.queries.tokens().map { JSONValue($0) }))
    }

    @Sendable private static func create(_ call: APIRequest) async throws -> Response {
        let made = try await call.controller.tokens.create(
            identity: call.json["identity"]?.text ?? "", role: Role(rawValue: call.json["role"]?.text ?? "") ?? .viewer,
            note: call.json["note"]?.text ?? "",
            expiresAt: call.json["expiresDays"]?.integerValue.map { call.now.advanced(by: .minutes($0 * 24 * 60)) },
            by: call.identity)
        var members = JSONValue(made.record).members
        members["token"] = .string(made.text)
        return .json(JSONValue.object(members), status: .created)
    }

    @Sendable private static func revoke(_ call: APIRequest) async throws -> Response {
        try await call.controller.tokens.revoke(Int64(call.integer("id") ?? 0), by: call.identity)
        return .empty()
    }
}
