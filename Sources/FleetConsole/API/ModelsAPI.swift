import FleetController
import FleetModel
import FleetStore
import FleetWire
import Foundation
import Hummingbird
import NIOCore

/// `/api/v1/models`.
enum ModelsAPI {
    static let endpoints = [
        Endpoint(
            method: .get, path: "/api/v1/models", tag: "models", summary: "Models", access: .read,
            reply: .json(.list(of: .component(.model))), handle: list),
        Endpoint(
            method: .post, path: "/api/v1/models", tag: "models", summary: "Makes a model without versions",
            access: .operate, body: .json(.object([.required("name", .name), .optional("description", .text)])),
            reply: .json(.component(.model), .created), handle: create),
        Endpoint(
            method: .get, path: "/api/v1/models/{model}", tag: "models",
            summary: "A model with its versions, newest first",
            access: .read, parameters: [.path("model")],
            reply: .json(
                .object([
                    .required("model", .component(.model)),
                    .required("versions", .array(of: .component(.version), limit: Schema.listLimit)),
                ])), handle: get),
        Endpoint(
            method: .put, path: "/api/v1/models/{model}/seal", tag: "models",
            summary: "From now on the model's images go out encrypted, for the devices that are to run them; for good",
            access: .operate, parameters: [.path("model")], reply: .json(.component(.model)), handle: seal),
        Endpoint(
            method: .post, path: "/api/v1/models/{model}/versions", tag: "models",
            summary: "Pushes a version: an ONNX file, plain or in Base64 with its lineage; compiled at once",
            access: .operate,
            parameters: [
                .path("model"),
                .query("lineage", .text, "For a plain file: a JSON object like the body's other fields"),
            ],
            body: .jsonOrBytes(
                pushSchema, jsonLimit: ConsoleLimits.upload, "application/octet-stream",
                limit: .init(bytes: { $0.modelBytesLimit }, setting: ControllerLimits.modelBytesSetting)),
            reply: .json(.component(.version), .created), handle: push),
        Endpoint(
            method: .get, path: "/api/v1/models/{model}/versions/{number}", tag: "models", summary: "A version",
            access: .read, parameters: [.path("model"), .path("number", .id)], reply: .json(.component(.version)),
            handle: version),
        Endpoint(
            method: .get, path: "/api/v1/models/{model}/versions/{number}/onnx", tag: "models",
            summary: "A version's ONNX file", access: .read, parameters: [.path("model"), .path("number", .id)],
            reply: .bytes("application/octet-stream"), handle: onnx),
    ]

    private static let pushSchema = Schema.object([
        .required("onnx", .string(Schema.StringRule(format: "byte", minimumLength: 1, maximumLength: .max)), "Base64"),
        .optional("description", .text), .optional("dataset", .name), .optional("datasetVersion", .id),
        .optional("trainer", .text), .optional("parameters", .anything), .optional("metrics", .anything),
        .optional(
            "dependencies", .array(of: .object([.required("model", .name), .required("number", .id)]), limit: 64),
            "Versions without which this one must not be released"),
        .optional(
            "material", .string(Schema.StringRule(format: "byte", maximumLength: .max)),
            "Base64 of an encoded manifest whose first part is what a release needs beside the image"),
    ])

    @Sendable private static func list(_ call: APIRequest) async throws -> Response {
        .json(JSONValue.list(try await call.store.queries.models().map { JSONValue($0) }))
    }

    @Sendable private static func create(_ call: APIRequest) async throws -> Response {
        let record = try await call.controller.models.create(
            try ModelName(call.json["name"]?.text ?? ""), description: call.json["description"]?.text ?? "",
            by: call.identity)
        return .json(JSONValue(ModelOverview(model: record, versions: [])), status: .created)
    }

    @Sendable private static func seal(_ call: APIRequest) async throws -> Response {
        let record = try await call.controller.models.seal(try call.name("model"), by: call.identity)
        let versions = try await call.store.queries.versions(of: record.name)
        return .json(JSONValue(ModelOverview(model: record, versions: versions.map(\.version))))
    }

    @Sendable private static func get(_ call: APIRequest) async throws -> Response {
        let name = try call.name("model", as: ModelName.self)
        guard let model = try await call.store.queries.model(name) else { throw APIError.notFound("model", name.text) }
        let versions = try await call.store.queries.versions(of: name)
        let document: JSONValue = [
            "model": JSONValue(ModelOverview(model: model, versions: versions.map(\.version))),
            "versions": .array(versions.map { JSONValue($0) }),
        ]
        return .json(document)
    }

    @Sendable private static func version(_ call: APIRequest) async throws -> Response {
        .json(try await document(call.name("model"), call.integer("number") ?? 0, call))
    }

    @Sendable private static func onnx(_ call: APIRequest) async throws -> Response {
        let id = VersionID(model: try call.name("model"), number: call.integer("number") ?? 0)
        let bytes = try await call.controller.models.onnx(id)
        return Response(
            status: .ok, headers: [.contentType: "application/octet-stream"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    @Sendable private static func push(_ call: APIRequest) async throws -> Response {
        let model = try call.name("model", as: ModelName.self)
        let isPlain = call.json == .null
        let onnx = isPlain ? Array(call.bytes.readableBytesView) : try bytes("onnx", call)
        let material = try call.json["material"].map { _ in
            try ReleaseManifest(decoding: bytes("material", call)).parts.first
        }
        let record = try await call.controller.models.push(
            model, onnx: onnx, lineage: try lineage(isPlain ? queryLineage(call) : call.json),
            material: material ?? nil,
            by: call.identity)
        return .json(try await document(model, record.number, call), status: .created)
    }

    /// The lineage in the query; what is no known field becomes a parameter, so that nothing people say is lost.
    private static func queryLineage(_ call: APIRequest) throws -> JSONValue {
        guard let text = call.optionalText("lineage") else { return .object([:]) }
        guard let value = try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8)),
            case .object(var members) = value
        else { throw APIError.invalid(SchemaMismatch(path: "lineage", reason: "is not a JSON object")) }
        let known: Set = [
            "description", "dataset", "datasetVersion", "trainer", "parameters", "metrics", "dependencies",
        ]
        if let number = members["datasetVersion"]?.text.flatMap({ Int64($0) }) {
            members["datasetVersion"] = .integer(number)
        }
        var parameters = members["parameters"]?.members ?? [:]
        for (key, value) in members where !known.contains(key) { parameters[key] = value }
        members["parameters"] = .object(parameters)
        return .object(members)
    }

    private static func lineage(_ body: JSONValue) throws -> Lineage {
        let dependencies = try (body["dependencies"]?.elements ?? []).map {
            VersionID(model: try ModelName($0["model"]?.text ?? ""), number: Int($0["number"]?.integerValue ?? 0))
        }
        return Lineage(
            description: body["description"]?.text ?? "", dataset: body["dataset"]?.text,
            datasetVersion: body["datasetVersion"]?.integerValue.map(Int.init), trainer: body["trainer"]?.text,
            parameters: try body["parameters"]?.encodedText() ?? "{}",
            metrics: try body["metrics"]?.encodedText() ?? "{}",
            dependencies: dependencies)
    }

    private static func bytes(_ field: String, _ call: APIRequest) throws -> [UInt8] {
        guard let data = Data(base64Encoded: call.json[field]?.text ?? "") else {
            throw APIError.invalid(SchemaMismatch(path: field, reason: "is not Base64"))
        }
        return [UInt8](data)
    }

    private static func document(_ model: ModelName, _ number: Int, _ call: APIRequest) async throws -> JSONValue {
        guard let overview = try await call.store.queries.versions(of: model, number: number).first else {
            throw APIError.notFound("version", "\(model):\(number)")
        }
        return JSONValue(overview)
    }
}

extension JSONValue {
    /// The value as JSON text with sorted keys.
    func encodedText() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
