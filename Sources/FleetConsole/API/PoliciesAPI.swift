import FleetController
import FleetStore
import Hummingbird

/// `/api/v1/policies`: standing orders for retraining and sampling.
enum PoliciesAPI {
    static let endpoints = [
        Endpoint(
            method: .get, path: "/api/v1/policies", tag: "policies", summary: "Policies", access: .read,
            reply: .json(.list(of: .component(.policy))), handle: list),
        Endpoint(
            method: .get, path: "/api/v1/policies/{name}", tag: "policies", summary: "A policy", access: .read,
            parameters: [.path("name")], reply: .json(.component(.policy)), handle: get),
        Endpoint(
            method: .put, path: "/api/v1/policies/{name}", tag: "policies",
            summary: "Makes or replaces a policy; 'kind' is retrain or sampling, the rest is the kind's own document",
            access: .operate, parameters: [.path("name")], body: .json(.map(of: .anything, limit: 64)),
            reply: .json(.component(.policy)), handle: put),
    ]

    @Sendable private static func list(_ call: APIRequest) async throws -> Response {
        .json(JSONValue.list(try await call.store.queries.policies().map { JSONValue($0) }))
    }

    @Sendable private static func get(_ call: APIRequest) async throws -> Response {
        let name = call.text("name")
        guard let policy = try await call.store.queries.policy(name) else { throw APIError.notFound("policy", name) }
        return .json(JSONValue(policy))
    }

    /// `kind` says how the rest is read. A sampling policy's own `enabled` is part of its document; a retrain policy's
    /// switches the policy.
    @Sendable private static func put(_ call: APIRequest) async throws -> Response {
        var members = call.json.members
        guard let kind = members.removeValue(forKey: "kind")?.text.flatMap(PolicyKind.init(rawValue:)) else {
            let kinds = PolicyKind.allCases.map(\.rawValue).joined(separator: ", ")
            throw APIError.invalid(SchemaMismatch(path: "kind", reason: "must be one of \(kinds)"))
        }
        var isEnabled = true
        if kind == .retrain, case .bool(let value)? = members.removeValue(forKey: "enabled") { isEnabled = value }
        let record = try await call.controller.policies.put(
            call.text("name"), kind: kind, document: try JSONValue.object(members).encodedText(), enabled: isEnabled,
            by: call.identity)
        return .json(JSONValue(record))
    }
}
