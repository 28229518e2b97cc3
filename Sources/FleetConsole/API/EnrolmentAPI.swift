import FleetController
import FleetCrypto
import FleetModel
import FleetStore
import Hummingbird

/// `/api/v1/claims` for operators, `/api/v1/enrol` for devices.
enum EnrolmentAPI {
    static let endpoints = [
        Endpoint(
            method: .get, path: "/api/v1/claims", tag: "devices", summary: "Claims, newest first, without their texts",
            access: .operate, parameters: [.limit], reply: .json(.list(of: .component(.claim))), handle: list),
        Endpoint(
            method: .post, path: "/api/v1/claims", tag: "devices",
            summary: "Makes a one-time claim for a device that is to join; its text is shown once", access: .operate,
            body: .json(
                .object([
                    .required(
                        "device", .string(Schema.StringRule(minimumLength: 1, maximumLength: 65)),
                        "A device id, or the beginning of one and a *"),
                    .required(
                        "url", .string(Schema.StringRule(minimumLength: 1, maximumLength: 256)),
                        "Where devices reach this API, such as http://10.0.0.5:8480"),
                    .optional("tags", .tags), .optional("station", .name),
                    .optional("replace", .boolean, "Replace the identity of a device that exists"),
                    .optional("validMinutes", .integer(minimum: 1, maximum: 43_200), "Default 1440, a day"),
                ])),
            reply: .json(.component(.claim), .created), handle: create),
        Endpoint(
            method: .delete, path: "/api/v1/claims/{id}", tag: "devices", summary: "Withdraws a claim that nobody used",
            access: .operate, parameters: [.path("id")], reply: .empty, handle: withdraw),
        Endpoint(
            method: .post, path: "/api/v1/enrol", tag: "devices",
            summary: "A device's certificate for a claim. Signatures in the request say who asks; no token is needed",
            access: .open,
            body: .json(
                .object([
                    .required("claim", .name), .required("device", .name),
                    .required("certificateRequest", .text, "PKCS#10, PEM"),
                    .required("signingKey", .digest, "Raw Ed25519 key of receipts, hexadecimal"),
                    .required("hardware", .string(Schema.StringRule(minimumLength: 1, maximumLength: 64))),
                    .required("signature", signature, "By the claim's key"),
                    .required("proof", signature, "By the key of receipts"),
                ]), limit: 16 << 10),
            reply: .json(
                .object([
                    .required("device", .name), .required("certificate", .text), .required("authority", .text),
                    .required("rootKey", .digest), .required("brokerHost", .text), .required("brokerPort", .count),
                    .required("topicPrefix", .text),
                    .required("tags", .text, "What releases may be bound to, as in device.conf: side=R,line=3"),
                    .required("signature", .text, "By the authority's key"),
                ])), handle: enrol),
    ]

    private static let signature = Schema.string(Schema.StringRule(minimumLength: 128, maximumLength: 128))

    @Sendable private static func list(_ call: APIRequest) async throws -> Response {
        let claims = try await call.store.queries.claims(limit: call.limit)
        return .json(JSONValue.list(claims.map { JSONValue($0, at: call.now) }))
    }

    @Sendable private static func create(_ call: APIRequest) async throws -> Response {
        let body = call.json
        var request = ClaimRequest(
            pattern: body["device"]?.text ?? "", station: try body["station"]?.text.map { try StationID($0) },
            tags: body["tags"]?.members.compactMapValues(\.text) ?? [:],
            replaces: body["replace"] == .bool(true), url: body["url"]?.text ?? "")
        if let minutes = body["validMinutes"]?.integerValue { request.validity = .minutes(minutes) }
        let made = try await call.controller.enrolment.createClaim(request, by: call.identity)
        var members = JSONValue(made.record, at: call.now).members
        members["text"] = .string(made.text)
        members["qr"] = .string(try QRCode(made.text).svg)
        return .json(JSONValue.object(members), status: .created)
    }

    @Sendable private static func withdraw(_ call: APIRequest) async throws -> Response {
        try await call.controller.enrolment.withdrawClaim(try call.name("id", as: KeyID.self), by: call.identity)
        return .empty()
    }

    private struct EnrolBody: Decodable {
        var claim: String
        var device: String
        var certificateRequest: String
        var signingKey: String
        var hardware: String
        var signature: String
        var proof: String
    }

    @Sendable private static func enrol(_ call: APIRequest) async throws -> Response {
        let body = try call.decode(EnrolBody.self)
        func bytes(_ name: String, _ text: String) throws -> [UInt8] {
            guard let bytes = Hexadecimal.bytes(text) else {
                throw APIError.invalid(SchemaMismatch(path: name, reason: "is not hexadecimal"))
            }
            return bytes
        }
        let request = EnrolmentRequest(
            claim: try KeyID(body.claim), device: try DeviceID(body.device),
            certificateRequest: body.certificateRequest, signingKey: try bytes("signingKey", body.signingKey),
            hardware: body.hardware, signature: try bytes("signature", body.signature),
            proof: try bytes("proof", body.proof))
        let grant = try await call.core.enrolling(from: call.address) {
            try await call.controller.enrolment.enrol(request, from: call.address)
        }
        return .json(
            [
                "device": .string(grant.device.text), "certificate": .string(grant.certificate),
                "authority": .string(grant.authority), "rootKey": .string(Hexadecimal.text(grant.rootKey)),
                "brokerHost": .string(grant.brokerHost), "brokerPort": .count(grant.brokerPort),
                "topicPrefix": .string(grant.topicPrefix), "tags": .string(grant.tags),
                "signature": .string(Hexadecimal.text(grant.signature)),
            ] as JSONValue)
    }
}

extension JSONValue {
    init(_ claim: EnrolmentClaimRecord, at now: Instant) {
        self = [
            "id": .string(claim.id.text), "device": .string(claim.pattern), "station": .text(claim.station?.text),
            "tags": .tags(claim.tags), "replace": .bool(claim.replaces),
            "state": .string(claim.state(at: now).rawValue), "createdAt": .time(claim.createdAt),
            "createdBy": .string(claim.createdBy), "expiresAt": .time(claim.expiresAt), "usedAt": .time(claim.usedAt),
            "usedBy": .text(claim.device?.text),
        ]
    }
}
