import FleetController
import FleetModel
import FleetStore
import Hummingbird

/// `/api/v1/rollouts`.
enum RolloutsAPI {
    static let endpoints =
        [
            Endpoint(
                method: .get, path: "/api/v1/rollouts", tag: "rollouts", summary: "Rollouts, newest first",
                access: .read,
                parameters: [.limit, .cursor], reply: .json(.list(of: .component(.rollout))), handle: list),
            Endpoint(
                method: .post, path: "/api/v1/rollouts", tag: "rollouts", summary: "Makes a rollout; start it next",
                access: .operate, body: .json(createSchema), reply: .json(.component(.rollout), .created),
                handle: create),
            Endpoint(
                method: .get, path: "/api/v1/rollouts/{id}", tag: "rollouts", summary: "A rollout", access: .read,
                parameters: [.path("id", .id)], reply: .json(.component(.rollout)), handle: get),
            Endpoint(
                method: .get, path: "/api/v1/rollouts/{id}/devices", tag: "rollouts",
                summary: "Where each device of a rollout stands", access: .read, parameters: [.path("id", .id)],
                reply: .json(.list(of: .component(.rolloutDevice))), handle: devices),
        ] + ["start", "pause", "resume", "abort", "rollback"].map(action)

    /// Waves as a request words them.
    static let waveSchema = Schema.object([
        .optional("name", .text), .optional("share", .share, "Of all devices, together with the waves before"),
        .optional("selector", .text), .optional("minimumReceipts", .share, "Default 1"),
        .optional("maximumFailures", .share, "Default 0"),
        .optional("soakSeconds", .number(minimum: 0, maximum: 604_800), "Default 0"),
        .optional("deadlineSeconds", .number(minimum: 1, maximum: 2_592_000), "Default 1800"),
    ])

    private static let createSchema = Schema.object([
        .required("release", .name), .optional("selector", .text, "Default: all devices"),
        .optional("waves", .array(of: waveSchema, limit: ControllerLimits.waves), "Default: one wave of all"),
        .optional("activation", .text, "now, lotBoundary or window:START-END in minutes after midnight at the site"),
    ])

    private static func action(_ name: String) -> Endpoint {
        Endpoint(
            method: .post, path: "/api/v1/rollouts/{id}/\(name)", tag: "rollouts",
            summary: "\(name.prefix(1).uppercased() + name.dropFirst()) of a rollout", access: .operate,
            parameters: [.path("id", .id)],
            body: .json(.object([.optional("reason", .string(Schema.StringRule(maximumLength: 500)))])),
            reply: .json(.component(.rollout))
        ) { call in try await act(name, call) }
    }

    @Sendable private static func list(_ call: APIRequest) async throws -> Response {
        let page = try await call.store.queries.rollouts(before: call.numericCursor, limit: call.limit)
        return .json(JSONValue.list(page.items.map { JSONValue($0) }, next: page.next))
    }

    @Sendable private static func get(_ call: APIRequest) async throws -> Response {
        .json(try await document(Int64(call.integer("id") ?? 0), call))
    }

    @Sendable private static func devices(_ call: APIRequest) async throws -> Response {
        let id = Int64(call.integer("id") ?? 0)
        _ = try await document(id, call)
        return .json(JSONValue.list(try await call.store.queries.rolloutDevices(id).map { JSONValue($0) }))
    }

    @Sendable private static func create(_ call: APIRequest) async throws -> Response {
        let body = call.json
        guard let activation = ActivationCondition(storedText: body["activation"]?.text ?? "now") else {
            throw APIError.invalid(
                SchemaMismatch(path: "activation", reason: "must be now, lotBoundary or window:START-END"))
        }
        let given = try (body["waves"]?.elements ?? []).enumerated().map { try wave($1, at: $0) }
        let request = RolloutRequest(
            release: try ReleaseName(body["release"]?.text ?? ""),
            selector: try call.selector(in: body["selector"]?.text),
            waves: given.isEmpty ? [Wave(name: "all", cumulativeShare: 1)] : given, activation: activation)
        let record = try await call.controller.rollouts.create(request, by: call.identity)
        return .json(try await document(record.id ?? 0, call), status: .created)
    }

    /// Reads a wave; the schema has been checked.
    private static func wave(_ body: JSONValue, at index: Int) throws -> Wave {
        let seconds = { (field: String, other: Double) in
            Interval(milliseconds: Int64((body[field]?.numberValue ?? other) * 1000))
        }
        let selector: Selector
        do { selector = try Selector(body["selector"]?.text ?? "*") } catch {
            throw APIError.invalid(SchemaMismatch(path: "waves[\(index)].selector", reason: error.description))
        }
        return Wave(
            name: body["name"]?.text ?? "wave \(index + 1)", cumulativeShare: body["share"]?.numberValue ?? 1,
            selector: selector,
            gate: Gate(
                minimumReceipts: body["minimumReceipts"]?.numberValue ?? 1,
                maximumFailures: body["maximumFailures"]?.numberValue ?? 0, soak: seconds("soakSeconds", 0)),
            deadline: seconds("deadlineSeconds", 1800))
    }

    private static func act(_ name: String, _ call: APIRequest) async throws -> Response {
        let id = Int64(call.integer("id") ?? 0)
        let rollouts = call.controller.rollouts
        let reason = call.json["reason"]?.text ?? ""
        let caller = try call.identity
        switch name {
        case "start": _ = try await rollouts.start(id, by: caller)
        case "pause": _ = try await rollouts.pause(id, reason: reason, by: caller)
        case "resume": _ = try await rollouts.resume(id, reason: reason, by: caller)
        case "abort": _ = try await rollouts.abort(id, reason: reason, by: caller)
        default: _ = try await rollouts.rollback(id, reason: reason, by: caller)
        }
        return .json(try await document(id, call))
    }

    private static func document(_ id: Int64, _ call: APIRequest) async throws -> JSONValue {
        guard let overview = try await call.store.queries.rollout(id) else {
            throw APIError.notFound("rollout", "\(id)")
        }
        return JSONValue(overview)
    }
}
