import FleetController
import FleetModel
import FleetStore
import Foundation
import Hummingbird
import NIOCore

/// `/api/v1/datasets`.
enum DatasetsAPI {
    static let endpoints = [
        Endpoint(
            method: .get, path: "/api/v1/datasets", tag: "datasets", summary: "Datasets", access: .read,
            reply: .json(.list(of: .component(.dataset))), handle: list),
        Endpoint(
            method: .post, path: "/api/v1/datasets", tag: "datasets", summary: "Makes an empty dataset",
            access: .operate,
            body: .json(
                .object([
                    .required("name", .name), .optional("description", .text),
                    .required("input", .component(.frameDescription)),
                    .required("classes", .array(of: .text, limit: 10_000), "In the model's output order"),
                ])), reply: .json(.component(.dataset), .created), handle: create),
        Endpoint(
            method: .get, path: "/api/v1/datasets/{dataset}", tag: "datasets", summary: "A dataset", access: .read,
            parameters: [.path("dataset")], reply: .json(.component(.dataset)), handle: get),
        Endpoint(
            method: .put, path: "/api/v1/datasets/{dataset}", tag: "datasets",
            summary: "Makes an empty dataset of this shape, unless it is there already", access: .operate,
            parameters: [.path("dataset")], body: .json(shapeSchema), reply: .json(.component(.dataset)), handle: put),
        Endpoint(
            method: .post, path: "/api/v1/datasets/{dataset}/frames", tag: "datasets",
            summary: "Imports labelled frames: a line of JSON each with device, tags, class and values",
            access: .operate,
            parameters: [.path("dataset")], body: .bytes(["application/x-ndjson"], limit: ConsoleLimits.upload),
            reply: .json(.object([.required("added", .count), .required("known", .count, "Were there already")])),
            handle: importFrames),
        Endpoint(
            method: .post, path: "/api/v1/datasets/{dataset}/versions", tag: "datasets",
            summary: "Cuts an immutable version of frames and annotated samples", access: .operate,
            parameters: [.path("dataset")],
            body: .json(
                .object([
                    .optional("selector", .text), .optional("includeAnnotations", .boolean, "Default true"),
                    .optional("note", .text),
                ])), reply: .json(.component(.datasetVersion), .created), handle: cut),
        Endpoint(
            method: .get, path: "/api/v1/datasets/{dataset}/versions/{number}", tag: "datasets",
            summary: "A dataset version",
            access: .read, parameters: [.path("dataset"), .path("number", .id)],
            reply: .json(.component(.datasetVersion)), handle: version),
        Endpoint(
            method: .get, path: "/api/v1/datasets/{dataset}/versions/{number}/export", tag: "datasets",
            summary: "A dataset version as a WebDataset tar", access: .read,
            parameters: [.path("dataset"), .path("number", .id)], reply: .bytes("application/x-tar"), handle: export),
    ]

    private static let shapeSchema: Schema = {
        guard case .object(let fields) = Component.frameDescription.schema else { return .anything }
        return .object(
            fields + [
                .required("classes", .array(of: .text, limit: 10_000), "In the model's output order"),
                .optional("description", .text),
            ])
    }()

    private struct Line: Decodable {
        var device: String
        var tags: [String: String]?
        var `class`: String
        /// A gap in the stream is null.
        var values: [Float?]
    }

    @Sendable private static func list(_ call: APIRequest) async throws -> Response {
        let all = try await call.store.queries.datasets()
        return .json(JSONValue.list(all.map { JSONValue($0.dataset, frames: $0.frames, versions: $0.versions) }))
    }

    @Sendable private static func get(_ call: APIRequest) async throws -> Response {
        .json(try await document(call.text("dataset"), call))
    }

    @Sendable private static func create(_ call: APIRequest) async throws -> Response {
        struct Body: Decodable {
            var name: String
            var description: String?
            var input: FrameDescription
            var classes: [String]
        }
        let body = try call.decode(Body.self)
        let record = try await call.controller.datasets.create(
            body.name, description: body.description ?? "", input: body.input, classes: body.classes, by: call.identity)
        return .json(JSONValue(record, frames: 0, versions: []), status: .created)
    }

    @Sendable private static func put(_ call: APIRequest) async throws -> Response {
        struct Body: Decodable {
            var description: String?
            var classes: [String]
        }
        let name = call.text("dataset")
        let input = try call.decode(FrameDescription.self)
        let body = try call.decode(Body.self)
        if let known = try await call.store.queries.datasets().first(where: { $0.dataset.name == name })?.dataset {
            guard known.input == input, known.classes == body.classes else {
                throw APIError.conflict(
                    "The dataset '\(name)' has another shape or other classes.", hint: "Import into a new dataset.")
            }
        } else {
            _ = try await call.controller.datasets.create(
                name, description: body.description ?? "", input: input, classes: body.classes, by: call.identity)
        }
        return .json(try await document(name, call))
    }

    @Sendable private static func importFrames(_ call: APIRequest) async throws -> Response {
        let decoder = JSONDecoder()
        let frames = try call.bytes.readableBytesView.split(separator: UInt8(ascii: "\n")).enumerated().map {
            index, line in
            do {
                let line = try decoder.decode(Line.self, from: Data(line))
                return ImportedFrame(
                    device: try DeviceID(line.device), tags: line.tags ?? [:], className: line.class,
                    values: line.values.map { $0 ?? .nan })
            } catch {
                throw APIError.badRequest(
                    "invalid", "Line \(index + 1) is not a frame: \(error).",
                    hint:
                        "Write {\"device\":\"s1R\",\"tags\":{\"side\":\"R\"},\"class\":\"ROW\",\"values\":[…]} on each line."
                )
            }
        }
        let result = try await call.controller.datasets.import(call.text("dataset"), frames: frames, by: call.identity)
        return .json(["added": .count(result.added), "known": .count(result.known)] as JSONValue)
    }

    @Sendable private static func cut(_ call: APIRequest) async throws -> Response {
        var includeAnnotations = true
        if case .bool(let value)? = call.json["includeAnnotations"] { includeAnnotations = value }
        let version = try await call.controller.datasets.cut(
            call.text("dataset"), selector: try call.selector(in: call.json["selector"]?.text),
            includeAnnotations: includeAnnotations, note: call.json["note"]?.text ?? "", by: call.identity)
        return .json(JSONValue(version), status: .created)
    }

    @Sendable private static func version(_ call: APIRequest) async throws -> Response {
        .json(JSONValue(try await record(call)))
    }

    @Sendable private static func export(_ call: APIRequest) async throws -> Response {
        let version = try await record(call)
        guard let dataset = try await call.store.queries.datasets().first(where: { $0.dataset.name == version.dataset })
        else { throw APIError.notFound("dataset", version.dataset) }
        let items = try await call.controller.datasets.items(version.dataset, version: version.number)
        let name = "\(version.dataset)-\(version.number).tar"
        return Response(
            status: .ok,
            headers: [.contentType: "application/x-tar", .contentDisposition: "attachment; filename=\"\(name)\""],
            body: ResponseBody { writer in
                for item in items {
                    try await writer.write(ByteBuffer(bytes: TarWriter.entries(for: item, of: dataset.dataset)))
                }
                try await writer.write(ByteBuffer(bytes: TarWriter.end))
                try await writer.finish(nil)
            })
    }

    private static func record(_ call: APIRequest) async throws -> DatasetVersionRecord {
        let name = call.text("dataset")
        let number = call.integer("number") ?? 0
        let dataset = try await call.store.queries.datasets().first { $0.dataset.name == name }
        guard let version = dataset?.versions.first(where: { $0.number == number }) else {
            throw APIError.notFound("dataset version", "\(name):\(number)")
        }
        return version
    }

    private static func document(_ name: String, _ call: APIRequest) async throws -> JSONValue {
        guard let found = try await call.store.queries.datasets().first(where: { $0.dataset.name == name }) else {
            throw APIError.notFound("dataset", name)
        }
        return JSONValue(found.dataset, frames: found.frames, versions: found.versions)
    }
}
