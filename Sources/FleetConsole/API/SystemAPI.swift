import FleetController
import FleetStore
import Hummingbird

/// Health, metrics, the document, the login of scripts and the summary.
enum SystemAPI {
    static let endpoints = [
        Endpoint(
            method: .get, path: "/healthz", tag: "system", summary: "Whether the controller works", access: .open,
            reply: .json(.object([.required("status", .choice(["ok"])), .required("version", .text)])), handle: health),
        Endpoint(
            method: .get, path: "/metrics", tag: "system", summary: "Prometheus metrics, text format 0.0.4",
            access: .open, reply: .text(PrometheusText.mediaType), handle: metrics),
        Endpoint(
            method: .get, path: "/openapi.json", tag: "system", summary: "This document", access: .open,
            reply: .json(.anything), handle: document),
        Endpoint(
            method: .post, path: "/api/v1/login", tag: "system",
            summary: "Turns a token into a session cookie for the console", access: .open,
            body: .json(.object([.required("token", .string(Schema.StringRule(minimumLength: 1)))])),
            reply: .json(
                .object([.required("identity", .text), .required("role", .text), .required("formToken", .text)])),
            handle: logIn),
        Endpoint(
            method: .get, path: "/api/v1/summary", tag: "system", summary: "Counts over everything", access: .read,
            reply: .json(.component(.summary)), handle: summary),
    ]

    @Sendable private static func health(_ call: APIRequest) async throws -> Response {
        _ = try await call.store.queries.deviceCounts()
        return .json(["status": "ok", "version": .string(OpenAPIDocument.version)] as JSONValue)
    }

    @Sendable private static func metrics(_ call: APIRequest) async throws -> Response {
        let text = try await FleetMetrics.text(call.core)
        return .text(text, type: PrometheusText.mediaType)
    }

    @Sendable private static func document(_ call: APIRequest) async throws -> Response {
        .json(OpenAPIDocument(table: APIRoutes.table).json)
    }

    @Sendable private static func logIn(_ call: APIRequest) async throws -> Response {
        let session = try await call.core.logIn(token: call.json["token"]?.text ?? "", address: call.address)
        var response = Response.json(
            [
                "identity": .string(session.identity.name), "role": .string(session.identity.role.rawValue),
                "formToken": .string(session.formToken),
            ] as JSONValue)
        response.setCookie(call.core.cookie(for: session))
        return response
    }

    @Sendable private static func summary(_ call: APIRequest) async throws -> Response {
        let queries = call.store.queries
        let running = try await queries.runningVersions()
        return .json(
            JSONValue(
                try await queries.summary(), running: running,
                bytesPublished: try await call.controller.bytesPublished()))
    }
}
