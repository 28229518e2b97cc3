import FleetController
import FleetModel
import FleetStore
import Hummingbird

/// `/api/v1/training-runs`.
enum TrainingAPI {
    static let endpoints = [
        Endpoint(
            method: .get, path: "/api/v1/training-runs", tag: "training", summary: "Training runs, newest first",
            access: .read, parameters: [.limit, .cursor], reply: .json(.list(of: .component(.trainingRun))),
            handle: list),
        Endpoint(
            method: .post, path: "/api/v1/training-runs", tag: "training", summary: "Starts a training run",
            access: .operate,
            body: .json(
                .object([
                    .required("model", .name), .required("dataset", .name), .required("datasetVersion", .id),
                    .optional("trainer", .text, "Default: the built-in one"),
                    .optional("parameters", .anything, "The trainer's own; default its defaults"),
                    .optional("seed", .count, "Of every random choice; default 1"),
                ])), reply: .json(.component(.trainingRun), .created), handle: start),
        Endpoint(
            method: .post, path: "/api/v1/training-runs/{id}/cancel", tag: "training", summary: "Ends a training run",
            access: .operate, parameters: [.path("id", .id)],
            body: .json(.object([.optional("reason", .string(Schema.StringRule(maximumLength: 500)))])),
            reply: .json(.component(.trainingRun)), handle: cancel),
        Endpoint(
            method: .get, path: "/api/v1/training-runs/{id}", tag: "training", summary: "A training run with its log",
            access: .read, parameters: [.path("id", .id)], reply: .json(.component(.trainingRun)), handle: get),
    ]

    @Sendable private static func list(_ call: APIRequest) async throws -> Response {
        let page = try await call.store.queries.trainingRuns(before: call.numericCursor, limit: call.limit)
        return .json(JSONValue.list(page.items.map { JSONValue($0) }, next: page.next))
    }

    @Sendable private static func start(_ call: APIRequest) async throws -> Response {
        let body = call.json
        var request = TrainingRequest(
            model: try ModelName(body["model"]?.text ?? ""), dataset: body["dataset"]?.text ?? "",
            datasetVersion: Int(body["datasetVersion"]?.integerValue ?? 0),
            parameters: try body["parameters"]?.encodedText() ?? "{}")
        if let trainer = body["trainer"]?.text { request.trainer = trainer }
        if let seed = body["seed"]?.integerValue { request.seed = UInt64(seed) }
        let run = try await call.controller.training.start(request, by: call.identity)
        return .json(JSONValue(run), status: .created)
    }

    @Sendable private static func cancel(_ call: APIRequest) async throws -> Response {
        let run = try await call.controller.training.cancel(
            Int64(call.integer("id") ?? 0), reason: call.json["reason"]?.text ?? "", by: call.identity)
        return .json(JSONValue(run))
    }

    @Sendable private static func get(_ call: APIRequest) async throws -> Response {
        let id = Int64(call.integer("id") ?? 0)
        guard let run = try await call.store.queries.trainingRun(id) else {
            throw APIError.notFound("training run", "\(id)")
        }
        return .json(JSONValue(run))
    }
}
