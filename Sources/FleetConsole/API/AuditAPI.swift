import FleetController
import FleetStore
import Hummingbird

/// `/api/v1/audit`.
enum AuditAPI {
    static let endpoints = [
        Endpoint(
            method: .get, path: "/api/v1/audit", tag: "audit", summary: "Audit entries, newest first", access: .read,
            parameters: [
                .query("identity"), .query("command", .text, "Begins with"), .query("subject", .text, "Contains"),
                .limit,
                .cursor,
            ], reply: .json(.list(of: .component(.auditEntry))), handle: list),
        Endpoint(
            method: .get, path: "/api/v1/audit/chain", tag: "audit", summary: "Whether the hash chain is whole",
            access: .read,
            reply: .json(.object([.required("intact", .boolean), .required("firstBroken", .nullable(.id))])),
            handle: chain),
    ]

    @Sendable private static func list(_ call: APIRequest) async throws -> Response {
        let filter = AuditFilter(
            identity: call.text("identity"), command: call.text("command"), subject: call.text("subject"))
        let page = try await call.store.queries.audit(filter, before: call.numericCursor, limit: call.limit)
        return .json(JSONValue.list(page.items.map { JSONValue($0) }, next: page.next))
    }

    @Sendable private static func chain(_ call: APIRequest) async throws -> Response {
        let broken = try await call.controller.audit.firstBroken()
        return .json(["intact": .bool(broken == nil), "firstBroken": .count(broken)] as JSONValue)
    }
}
