import FleetController
import FleetModel
import FleetStore
import FleetWire
import Hummingbird

/// `/api/v1/devices`.
enum DevicesAPI {
    static let endpoints = [
        Endpoint(
            method: .get, path: "/api/v1/devices", tag: "devices", summary: "Devices in the order of their ids",
            access: .read,
            parameters: [
                .query("selector", .text, "Tags such as side=L,subject!=8"), .query("search", .text, "In id or tags"),
                .limit, .cursor,
            ], reply: .json(.list(of: .component(.device))), handle: list),
        Endpoint(
            method: .post, path: "/api/v1/devices", tag: "devices",
            summary: "Provisions a device: certificate, keys and the pinned root key", access: .operate,
            body: .json(
                .object([
                    .required("id", .name), .optional("tags", .tags), .optional("station", .name),
                    .optional("hardware", .string(Schema.StringRule(minimumLength: 1, maximumLength: 64))),
                ])),
            reply: .json(
                .object([
                    .required("device", .component(.device)),
                    .required("files", .map(of: .longText, limit: 16), "Texts by file name; private, shown only here"),
                ]), .created), handle: provision),
        Endpoint(
            method: .get, path: "/api/v1/devices/{id}", tag: "devices", summary: "A device", access: .read,
            parameters: [.path("id")], reply: .json(.component(.device)), handle: get),
        Endpoint(
            method: .patch, path: "/api/v1/devices/{id}", tag: "devices", summary: "Replaces a device's tags",
            access: .operate, parameters: [.path("id")], body: .json(.object([.required("tags", .tags)])),
            reply: .json(.component(.device)), handle: update),
        Endpoint(
            method: .post, path: "/api/v1/devices/{id}/revoke", tag: "devices",
            summary: "Ends a device: certificate, session, everything it sends", access: .operate,
            parameters: [.path("id")],
            body: .json(.object([.optional("reason", .string(Schema.StringRule(maximumLength: 500)))])),
            reply: .json(.component(.device)), handle: revoke),
        Endpoint(
            method: .post, path: "/api/v1/devices/{id}/replace", tag: "devices",
            summary: "Puts another device in this one's place: same station, tags and releases; this one is revoked",
            access: .operate, parameters: [.path("id")],
            body: .json(
                .object([
                    .required("by", .name), .optional("reason", .string(Schema.StringRule(maximumLength: 500))),
                ])),
            reply: .json(.component(.device)), handle: replace),
        Endpoint(
            method: .get, path: "/api/v1/devices/{id}/receipts", tag: "devices",
            summary: "A device's receipts, newest first",
            access: .read, parameters: [.path("id"), .limit], reply: .json(.list(of: receipt)), handle: receipts),
        Endpoint(
            method: .get, path: "/api/v1/devices/{id}/log", tag: "devices",
            summary: "What a device's agent said, newest first", access: .read,
            parameters: [.path("id"), .limit, .cursor], reply: .json(.list(of: logLine)), handle: log),
    ]

    private static let logLine = Schema.object([
        .required("id", .id), .required("at", .time, "By the device's clock, when it was said first"),
        .required("severity", .choice(of: LogSeverity.self)), .required("count", .count, "How often it was said"),
        .required("text", .text), .required("dropped", .count, "Lines that the device gave up before this one"),
        .required("boot", .text), .required("receivedAt", .time),
    ])

    private static let receipt = Schema.object([
        .required("version", .text), .required("release", .digest), .required("image", .digest),
        .required("counter", .count), .required("goldenError", .number()), .required("latencyMicroseconds", .count),
        .required("instructionSet", .text), .required("runtimeVersion", .text), .required("committedAt", .time),
    ])

    private struct ProvisionBody: Decodable {
        var id: String
        var tags: [String: String]?
        var station: String?
        var hardware: String?
    }

    @Sendable private static func list(_ call: APIRequest) async throws -> Response {
        let page = try await call.store.queries.devices(
            selector: try call.selector("selector"), search: call.text("search"),
            after: call.optionalText("cursor").flatMap { try? DeviceID($0) }, limit: call.limit, now: call.now)
        let labels = try await call.store.queries.releaseLabels()
        return .json(JSONValue.list(page.items.map { JSONValue($0, labels: labels) }, next: page.next))
    }

    @Sendable private static func get(_ call: APIRequest) async throws -> Response {
        .json(try await document(call.name("id"), call))
    }

    @Sendable private static func provision(_ call: APIRequest) async throws -> Response {
        let body = try call.decode(ProvisionBody.self)
        let id = try DeviceID(body.id)
        var request = DeviceRequest(id: id, tags: body.tags ?? [:], station: try body.station.map { try StationID($0) })
        if let hardware = body.hardware { request.hardware = hardware }
        let issued = try await call.controller.devices.provision(request, by: call.identity)
        let document: JSONValue = ["device": try await document(id, call), "files": .tags(issued.files)]
        return .json(document, status: .created)
    }

    @Sendable private static func update(_ call: APIRequest) async throws -> Response {
        let id = try call.name("id", as: DeviceID.self)
        let tags = call.json["tags"]?.members.compactMapValues(\.text) ?? [:]
        try await call.controller.devices.setTags(id, tags, by: call.identity)
        return .json(try await document(id, call))
    }

    @Sendable private static func revoke(_ call: APIRequest) async throws -> Response {
        let id = try call.name("id", as: DeviceID.self)
        try await call.controller.devices.revoke(id, reason: call.json["reason"]?.text ?? "", by: call.identity)
        return .json(try await document(id, call))
    }

    @Sendable private static func replace(_ call: APIRequest) async throws -> Response {
        let id = try call.name("id", as: DeviceID.self)
        let successor = try DeviceID(call.json["by"]?.text ?? "")
        try await call.controller.devices.replace(
            id, by: successor, reason: call.json["reason"]?.text ?? "", by: call.identity)
        return .json(try await document(successor, call))
    }

    @Sendable private static func receipts(_ call: APIRequest) async throws -> Response {
        let id = try call.name("id", as: DeviceID.self)
        _ = try await document(id, call)
        let records = try await call.store.queries.receipts(of: id, limit: call.limit)
        return .json(
            JSONValue.list(
                records.map {
                    [
                        "version": .string($0.version.description), "release": .digest($0.release),
                        "image": .digest($0.image), "counter": .count($0.counter), "goldenError": .real($0.goldenError),
                        "latencyMicroseconds": .count($0.latency), "instructionSet": .string($0.instructionSet),
                        "runtimeVersion": .string($0.runtimeVersion), "committedAt": .time($0.committedAt),
                    ]
                }))
    }

    @Sendable private static func log(_ call: APIRequest) async throws -> Response {
        let id = try call.name("id", as: DeviceID.self)
        _ = try await document(id, call)
        let page = try await call.store.queries.log(of: id, before: call.numericCursor, limit: call.limit)
        return .json(
            JSONValue.list(
                page.items.map { line in
                    [
                        "id": .count(line.id), "at": .time(line.at), "severity": .string(line.severity.rawValue),
                        "count": .count(line.count), "text": .string(line.text), "dropped": .count(line.dropped),
                        "boot": .string(line.boot), "receivedAt": .time(line.receivedAt),
                    ]
                }, next: page.next))
    }

    private static func document(_ id: DeviceID, _ call: APIRequest) async throws -> JSONValue {
        guard let overview = try await call.store.queries.device(id, now: call.now) else {
            throw APIError.notFound("device", id.text)
        }
        return JSONValue(overview, labels: try await call.store.queries.releaseLabels())
    }
}
