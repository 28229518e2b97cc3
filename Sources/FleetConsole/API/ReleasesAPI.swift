import FleetController
import FleetModel
import FleetStore
import Foundation
import Hummingbird

/// `/api/v1/releases` and `/api/v1/keys`. The controller never signs: it hands out the bytes and verifies.
enum ReleasesAPI {
    static let endpoints = [
        Endpoint(
            method: .get, path: "/api/v1/releases", tag: "releases", summary: "Releases, newest first", access: .read,
            parameters: [.limit], reply: .json(.list(of: .component(.release))), handle: list),
        Endpoint(
            method: .post, path: "/api/v1/releases", tag: "releases",
            summary: "Makes a candidate from versions whose release material is stored", access: .operate,
            body: .json(createSchema), reply: .json(.component(.release), .created), handle: create),
        Endpoint(
            method: .get, path: "/api/v1/releases/{name}", tag: "releases", summary: "A release", access: .read,
            parameters: [.path("name")], reply: .json(.component(.release)), handle: get),
        Endpoint(
            method: .get, path: "/api/v1/releases/{name}/to-be-signed", tag: "releases",
            summary: "The bytes that a key signs (RFC 9052, Sig_structure)", access: .read,
            parameters: [.path("name"), .query("key", .name, "Id of the key")],
            reply: .json(.object([.required("key", .name), .required("toBeSigned", .longText, "Base64")])),
            handle: toBeSigned),
        Endpoint(
            method: .get, path: "/api/v1/releases/{name}/unsigned", tag: "releases",
            summary: "The release as a COSE_Sign message without signatures, to be signed offline", access: .read,
            parameters: [.path("name")], reply: .bytes("application/cose"), handle: unsigned),
        Endpoint(
            method: .post, path: "/api/v1/releases/{name}/signatures", tag: "releases",
            summary: "Hands in a signature; enough distinct keys and identities approve the release", access: .operate,
            parameters: [.path("name")],
            body: .json(.object([.required("keyId", .name), .required("signature", .text, "Base64, 64 bytes")])),
            reply: .json(.component(.release)), handle: sign),
        Endpoint(
            method: .post, path: "/api/v1/releases/{name}/reject", tag: "releases", summary: "Rejects a candidate",
            access: .role(.approver), parameters: [.path("name")], body: .json(reasonSchema),
            reply: .json(.component(.release)), handle: reject),
        Endpoint(
            method: .post, path: "/api/v1/releases/{name}/retire", tag: "releases",
            summary: "Retires a release: no new rollout of it", access: .operate, parameters: [.path("name")],
            body: .json(reasonSchema), reply: .json(.component(.release)), handle: retire),
        Endpoint(
            method: .get, path: "/api/v1/keys", tag: "releases", summary: "Keys that are trusted", access: .read,
            reply: .json(.list(of: .component(.key))), handle: keys),
    ]

    private static let reasonSchema = Schema.object([
        .optional("reason", .string(Schema.StringRule(maximumLength: 500)))
    ])

    private static let createSchema = Schema.object([
        .optional("model", .name), .optional("version", .id), .optional("name", .name),
        .optional("slots", .map(of: .text, limit: 64), "Version by slot, such as {\"main\": \"shoulder:2\"}"),
        .optional("dataset", .name, "Describes a pushed version by this dataset, with datasetVersion"),
        .optional("datasetVersion", .id), .optional("expiresDays", .integer(minimum: 1, maximum: 3650)),
        .optional("hardware", .array(of: .text, limit: 64)), .optional("runtime", .text),
        .optional("scope", .array(of: .text, limit: 64), "Selectors that it is bound to"), .optional("note", .text),
    ])

    @Sendable private static func list(_ call: APIRequest) async throws -> Response {
        .json(JSONValue.list(try await call.store.queries.releases(limit: call.limit).map { JSONValue($0) }))
    }

    @Sendable private static func get(_ call: APIRequest) async throws -> Response {
        .json(try await document(call.name("name"), call))
    }

    @Sendable private static func create(_ call: APIRequest) async throws -> Response {
        let body = call.json
        var request = ReleaseRequest(
            name: try body["name"]?.text.map { try ReleaseName($0) }, versions: try versions(body),
            note: body["note"]?.text ?? "")
        if let days = body["expiresDays"]?.integerValue { request.lifetime = .minutes(days * 24 * 60) }
        if let hardware = body["hardware"] { request.compatibility.hardware = hardware.elements.compactMap(\.text) }
        if let runtime = body["runtime"]?.text { request.compatibility.runtime = runtime }
        request.scope = body["scope"]?.elements.compactMap(\.text) ?? []
        if let dataset = body["dataset"]?.text, let number = body["datasetVersion"]?.integerValue {
            for version in request.versions.values {
                try await call.controller.training.describe(
                    version, dataset: dataset, datasetVersion: Int(number), by: call.identity)
            }
        }
        let detail = try await call.controller.releases.create(request, by: call.identity)
        return .json(try await document(detail.record.name, call), status: .created)
    }

    private static func versions(_ body: JSONValue) throws -> [SlotName: VersionID] {
        if let model = body["model"]?.text, let number = body["version"]?.integerValue {
            let version = VersionID(model: try ModelName(model), number: Int(number))
            return [version.model == .agent ? .agent : .main: version]
        }
        var versions: [SlotName: VersionID] = [:]
        for (slot, value) in body["slots"]?.members ?? [:] {
            let parts = (value.text ?? "").split(separator: ":")
            guard parts.count == 2, let number = Int(parts[1]) else {
                throw APIError.invalid(
                    SchemaMismatch(path: "slots.\(slot)", reason: "must be a version such as shoulder:2"))
            }
            versions[try SlotName(slot)] = VersionID(model: try ModelName(String(parts[0])), number: number)
        }
        guard !versions.isEmpty else {
            throw APIError.invalid(SchemaMismatch(path: "", reason: "needs 'model' and 'version', or 'slots'"))
        }
        return versions
    }

    @Sendable private static func toBeSigned(_ call: APIRequest) async throws -> Response {
        guard let key = call.optionalText("key") else {
            throw APIError.invalid(SchemaMismatch(path: "key", reason: "is missing"))
        }
        let bytes = try await call.controller.releases.toBeSigned(try call.name("name"), key: try KeyID(key))
        return .json(["key": .string(key), "toBeSigned": .base64(Data(bytes))] as JSONValue)
    }

    @Sendable private static func unsigned(_ call: APIRequest) async throws -> Response {
        .bytes(try await call.controller.releases.unsigned(try call.name("name")), type: "application/cose")
    }

    @Sendable private static func sign(_ call: APIRequest) async throws -> Response {
        guard let signature = Data(base64Encoded: call.json["signature"]?.text ?? "") else {
            throw APIError.invalid(SchemaMismatch(path: "signature", reason: "is not Base64"))
        }
        let name = try call.name("name", as: ReleaseName.self)
        _ = try await call.controller.releases.sign(
            name, key: try KeyID(call.json["keyId"]?.text ?? ""), signature: [UInt8](signature), by: call.identity)
        return .json(try await document(name, call))
    }

    @Sendable private static func reject(_ call: APIRequest) async throws -> Response {
        let name = try call.name("name", as: ReleaseName.self)
        try await call.controller.releases.reject(name, reason: call.json["reason"]?.text ?? "", by: call.identity)
        return .json(try await document(name, call))
    }

    @Sendable private static func retire(_ call: APIRequest) async throws -> Response {
        let name = try call.name("name", as: ReleaseName.self)
        try await call.controller.releases.retire(name, reason: call.json["reason"]?.text ?? "", by: call.identity)
        return .json(try await document(name, call))
    }

    @Sendable private static func keys(_ call: APIRequest) async throws -> Response {
        .json(JSONValue.list(try await call.store.queries.trustedKeys().map { JSONValue($0) }))
    }

    private static func document(_ name: ReleaseName, _ call: APIRequest) async throws -> JSONValue {
        guard let overview = try await call.store.queries.releases(name).first else {
            throw APIError.notFound("release", name.text)
        }
        return JSONValue(overview)
    }
}
