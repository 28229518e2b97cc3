import FleetController
import FleetModel
import FleetStore
import FleetWire
import Foundation
import Hummingbird

/// `/api/v1/trust`: what the offline root says of who may sign. The controller checks and publishes it, and makes none.
enum TrustAPI {
    static let endpoints = [
        Endpoint(
            method: .get, path: "/api/v1/trust", tag: "trust", summary: "The root and the roles in force",
            access: .read,
            reply: .json(.component(.roles)), handle: show),
        Endpoint(
            method: .get, path: "/api/v1/trust/roles", tag: "trust",
            summary: "The signed role document in force, as devices get it", access: .read,
            reply: .bytes("application/cose"), handle: document),
        Endpoint(
            method: .post, path: "/api/v1/trust/roles", tag: "trust",
            summary: "Hands in a role document that the root signed; it must follow the one in force",
            access: .administer, body: .bytes(["application/cose"], limit: WireLimits.controlBytes),
            reply: .json(.component(.roles), .created), handle: install),
    ]

    @Sendable private static func show(_ call: APIRequest) async throws -> Response {
        .json(JSONValue(try await overview(call)))
    }

    @Sendable private static func document(_ call: APIRequest) async throws -> Response {
        .bytes(try await overview(call).document.message, type: "application/cose")
    }

    @Sendable private static func install(_ call: APIRequest) async throws -> Response {
        try await call.controller.trust.install([UInt8](call.bytes.readableBytesView), by: call.identity)
        return .json(JSONValue(try await overview(call)), status: .created)
    }

    private static func overview(_ call: APIRequest) async throws -> TrustOverview {
        guard let overview = try await call.controller.trust.overview() else {
            throw APIError(
                .notFound, "notFound", "No role document is in force yet.",
                hint: "The holder of the root signs one: martlet root sign, then martlet root publish.")
        }
        return overview
    }
}

extension JSONValue {
    init(_ overview: TrustOverview) {
        let roles = overview.roles
        self = [
            "number": .count(roles.number), "expires": .time(roles.expires),
            "expiry": .string(overview.expiry.rawValue), "threshold": .count(roles.threshold),
            "installedAt": .time(overview.document.createdAt),
            "roots": .array(overview.roots.map { JSONValue($0) }),
            "releaseKeys": .array(roles.releaseKeys.map(JSONValue.trusted)),
            "timeKeys": .array(roles.timeKeys.map(JSONValue.trusted)),
            "signedTime": .string(overview.signedTime.rawValue),
            "automationKey": .text(overview.automationKey?.text),
            "delegations": .array(roles.delegations.map { JSONValue($0) }),
        ]
    }

    private static func trusted(_ key: TrustedKey) -> JSONValue {
        ["id": .string(key.id.text), "holder": .string(key.holder), "publicKey": .base64(Data(key.publicKey))]
    }

    private init(_ delegation: Delegation) {
        self = [
            "key": .trusted(delegation.key), "models": .strings(delegation.models.map(\.text)),
            "group": .string(delegation.group), "canaryShare": .real(Double(delegation.canaryShare)),
            "expires": .time(delegation.expires),
        ]
    }
}
