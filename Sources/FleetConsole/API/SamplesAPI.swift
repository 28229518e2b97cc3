import FleetController
import FleetModel
import FleetStore
import Hummingbird

/// `/api/v1/samples`: what people look at and what they say.
enum SamplesAPI {
    static let endpoints = [
        Endpoint(
            method: .get, path: "/api/v1/samples", tag: "samples", summary: "Samples, newest first, without values",
            access: .read,
            parameters: [
                .query("state", .choice(SampleState.allCases.map(\.rawValue)), "Default all"),
                .query("selector", .text, "Over the tags that the device had when it sent them"),
                .query("order", .choice(SampleOrder.allCases.map(\.rawValue)), "Default newest; random has no cursor"),
                .limit, .cursor,
            ], reply: .json(.list(of: .component(.sample))), handle: list),
        Endpoint(
            method: .get, path: "/api/v1/samples/next", tag: "samples",
            summary: "The sample to annotate next, with values; an empty list when there is none", access: .annotate,
            parameters: [.query("skip", .text, "Ids joined by commas, at most 200")],
            reply: .json(.list(of: .component(.sample))), handle: next),
        Endpoint(
            method: .get, path: "/api/v1/samples/{id}", tag: "samples", summary: "A sample with its values",
            access: .read, parameters: [.path("id", .id)], reply: .json(.component(.sample)), handle: get),
        Endpoint(
            method: .get, path: "/api/v1/samples/{id}/annotations", tag: "samples",
            summary: "A sample's annotations, newest first; the newest that was not withdrawn counts", access: .read,
            parameters: [.path("id", .id)], reply: .json(.list(of: .component(.annotation))), handle: annotations),
        Endpoint(
            method: .post, path: "/api/v1/samples/{id}/annotations", tag: "samples", summary: "A person's verdict",
            access: .annotate, parameters: [.path("id", .id)],
            body: .json(
                .object([
                    .required("verdict", .choice(["class", "unusable"])), .optional("class", .text),
                    .optional("seconds", .number(minimum: 0, maximum: 86_400), "That the person took"),
                ])), reply: .json(.component(.annotation), .created), handle: annotate),
        Endpoint(
            method: .delete, path: "/api/v1/samples/{id}/annotations", tag: "samples",
            summary: "Withdraws the newest annotation: the one before counts again, or none; the history keeps both",
            access: .annotate, parameters: [.path("id", .id)], reply: .json(.component(.sample)), handle: withdraw),
    ]

    @Sendable private static func list(_ call: APIRequest) async throws -> Response {
        let page = try await call.store.queries.samples(
            state: SampleState(rawValue: call.text("state")) ?? .all, selector: try call.selector("selector"),
            order: SampleOrder(rawValue: call.text("order")) ?? .newest, before: call.numericCursor, limit: call.limit)
        return .json(JSONValue.list(page.items.map { JSONValue($0) }, next: page.next))
    }

    @Sendable private static func next(_ call: APIRequest) async throws -> Response {
        let skipped = call.text("skip").split(separator: ",").prefix(200).compactMap { Int64($0) }
        guard let sample = try await call.controller.samples.next(skipping: skipped) else {
            return .json(JSONValue.list([]))
        }
        return .json(JSONValue.list([try await document(sample, call)]))
    }

    @Sendable private static func get(_ call: APIRequest) async throws -> Response {
        .json(try await document(try await record(call), call))
    }

    @Sendable private static func annotations(_ call: APIRequest) async throws -> Response {
        let sample = try await record(call)
        let records = try await call.store.queries.annotations(of: sample.id ?? 0)
        return .json(JSONValue.list(records.map { JSONValue($0) }))
    }

    @Sendable private static func annotate(_ call: APIRequest) async throws -> Response {
        let verdict = AnnotationVerdict(rawValue: call.json["verdict"]?.text ?? "") ?? .unusable
        let annotation = try await call.controller.samples.annotate(
            Int64(call.integer("id") ?? 0), verdict: verdict, className: call.json["class"]?.text,
            seconds: call.json["seconds"]?.numberValue ?? 0, by: call.identity)
        return .json(JSONValue(annotation), status: .created)
    }

    @Sendable private static func withdraw(_ call: APIRequest) async throws -> Response {
        let sample = try await call.controller.samples.withdraw(Int64(call.integer("id") ?? 0), by: call.identity)
        return .json(try await document(sample, call))
    }

    private static func record(_ call: APIRequest) async throws -> SampleRecord {
        let id = Int64(call.integer("id") ?? 0)
        guard let sample = try await call.store.queries.sample(id) else { throw APIError.notFound("sample", "\(id)") }
        return sample
    }

    private static func document(_ sample: SampleRecord, _ call: APIRequest) async throws -> JSONValue {
        JSONValue(
            sample, values: try call.store.frames.values(sample.frame),
            description: try await call.controller.samples.description(of: sample))
    }
}
